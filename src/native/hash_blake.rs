//! BLAKE2b and BLAKE2s (RFC 7693) with all their parameters: key, salt, personalisation, tree. Invariant: a full block
//! stays in the buffer until more follows, since the last block is compressed with its mark.

const SIGMA: [[u8; 16]; 10] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
    [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
    [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
    [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
    [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
    [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
    [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
    [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];

/// What is mixed in at each step: columns, then diagonals.
const STEPS: [[usize; 4]; 8] = [
    [0, 4, 8, 12],
    [1, 5, 9, 13],
    [2, 6, 10, 14],
    [3, 7, 11, 15],
    [0, 5, 10, 15],
    [1, 6, 11, 12],
    [2, 7, 8, 13],
    [3, 4, 9, 14],
];

/// Parameters beyond the content.
#[derive(Clone, Copy)]
pub struct Parameters<'a> {
    /// Bytes of the digest.
    pub size: u8,
    pub key: &'a [u8],
    pub salt: &'a [u8],
    pub person: &'a [u8],
    pub fanout: u8,
    pub depth: u8,
    pub leaf_size: u32,
    pub node_offset: u64,
    pub node_depth: u8,
    pub inner_size: u8,
    pub last_node: bool,
}

macro_rules! blake {
    ($name:ident, $word:ty, $doc:literal, $bytes:literal, $rounds:literal, $turns:expr, $iv:expr, $parameters:expr) => {
        #[doc = $doc]
        #[derive(Clone)]
        pub struct $name {
            h: [$word; 8],
            buffer: [u8; $bytes],
            filled: usize,
            total: u128,
            last_node: bool,
            size: usize,
        }

        impl $name {
            /// Bytes of a block.
            pub const BLOCK: usize = $bytes;

            /// Begins; the caller has checked the sizes.
            pub fn new(p: &Parameters) -> Self {
                let iv: [$word; 8] = $iv;
                let block: [u8; $bytes / 2] = ($parameters)(p);
                let mut h = iv;
                for (h, b) in h.iter_mut().zip(block.chunks_exact(size_of::<$word>())) {
                    let mut word = [0; size_of::<$word>()];
                    word.copy_from_slice(b);
                    *h ^= <$word>::from_le_bytes(word);
                }
                let mut s = Self {
                    h,
                    buffer: [0; $bytes],
                    filled: 0,
                    total: 0,
                    last_node: p.last_node,
                    size: p.size as usize,
                };
                if !p.key.is_empty() {
                    let mut key = [0; $bytes];
                    key[..p.key.len()].copy_from_slice(p.key);
                    s.update(&key);
                }
                s
            }

            /// Takes more.
            pub fn update(&mut self, mut data: &[u8]) {
                while !data.is_empty() {
                    if self.filled == $bytes {
                        self.total += $bytes;
                        self.compress(false);
                        self.filled = 0;
                    }
                    let n = data.len().min($bytes - self.filled);
                    self.buffer[self.filled..self.filled + n].copy_from_slice(&data[..n]);
                    self.filled += n;
                    data = &data[n..];
                }
            }

            /// The digest of what came so far.
            pub fn finish(&self) -> Vec<u8> {
                let mut s = self.clone();
                s.total += s.filled as u128;
                s.buffer[s.filled..].fill(0);
                s.compress(true);
                let mut out: Vec<u8> = s.h.iter().flat_map(|w| w.to_le_bytes()).collect();
                out.truncate(s.size);
                out
            }

            fn compress(&mut self, last: bool) {
                let iv: [$word; 8] = $iv;
                let turns: [u32; 4] = $turns;
                let mut m = [0 as $word; 16];
                for (m, b) in m.iter_mut().zip(self.buffer.chunks_exact(size_of::<$word>())) {
                    let mut word = [0; size_of::<$word>()];
                    word.copy_from_slice(b);
                    *m = <$word>::from_le_bytes(word);
                }
                let mut v = [0 as $word; 16];
                v[..8].copy_from_slice(&self.h);
                v[8..].copy_from_slice(&iv);
                v[12] ^= self.total as $word;
                v[13] ^= (self.total >> <$word>::BITS) as $word;
                if last {
                    v[14] = !v[14];
                    if self.last_node {
                        v[15] = !v[15];
                    }
                }
                for round in 0..$rounds {
                    let order = &SIGMA[round % 10];
                    for (i, [a, b, c, d]) in STEPS.into_iter().enumerate() {
                        let (x, y) = (m[order[2 * i] as usize], m[order[2 * i + 1] as usize]);
                        v[a] = v[a].wrapping_add(v[b]).wrapping_add(x);
                        v[d] = (v[d] ^ v[a]).rotate_right(turns[0]);
                        v[c] = v[c].wrapping_add(v[d]);
                        v[b] = (v[b] ^ v[c]).rotate_right(turns[1]);
                        v[a] = v[a].wrapping_add(v[b]).wrapping_add(y);
                        v[d] = (v[d] ^ v[a]).rotate_right(turns[2]);
                        v[c] = v[c].wrapping_add(v[d]);
                        v[b] = (v[b] ^ v[c]).rotate_right(turns[3]);
                    }
                }
                for i in 0..8 {
                    self.h[i] ^= v[i] ^ v[i + 8];
                }
            }
        }
    };
}

blake!(
    Blake2b,
    u64,
    "BLAKE2b.",
    128,
    12,
    [32, 24, 16, 63],
    [
        0x6a09_e667_f3bc_c908,
        0xbb67_ae85_84ca_a73b,
        0x3c6e_f372_fe94_f82b,
        0xa54f_f53a_5f1d_36f1,
        0x510e_527f_ade6_82d1,
        0x9b05_688c_2b3e_6c1f,
        0x1f83_d9ab_fb41_bd6b,
        0x5be0_cd19_137e_2179,
    ],
    |p: &Parameters| {
        let mut b = [0; 64];
        b[..4].copy_from_slice(&[p.size, p.key.len() as u8, p.fanout, p.depth]);
        b[4..8].copy_from_slice(&p.leaf_size.to_le_bytes());
        b[8..16].copy_from_slice(&p.node_offset.to_le_bytes());
        b[16] = p.node_depth;
        b[17] = p.inner_size;
        b[32..32 + p.salt.len()].copy_from_slice(p.salt);
        b[48..48 + p.person.len()].copy_from_slice(p.person);
        b
    }
);

blake!(
    Blake2s,
    u32,
    "BLAKE2s.",
    64,
    10,
    [16, 12, 8, 7],
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,],
    |p: &Parameters| {
        let mut b = [0; 32];
        b[..4].copy_from_slice(&[p.size, p.key.len() as u8, p.fanout, p.depth]);
        b[4..8].copy_from_slice(&p.leaf_size.to_le_bytes());
        // The node's place has six bytes.
        b[8..14].copy_from_slice(&p.node_offset.to_le_bytes()[..6]);
        b[14] = p.node_depth;
        b[15] = p.inner_size;
        b[16..16 + p.salt.len()].copy_from_slice(p.salt);
        b[24..24 + p.person.len()].copy_from_slice(p.person);
        b
    }
);
