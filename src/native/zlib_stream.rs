//! Streams of compressed bytes: deflate with the wrappings of zlib and gzip. Invariant: nothing here knows values; the
//! last 32 KiB that came out stay as the window, so that output can stop at any length without taking more input.

use miniz_oxide::deflate::core::{
    CompressorOxide, TDEFLFlush, TDEFLStatus, compress, create_comp_flags_from_zip_params,
};
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

/// What stands around the deflated bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Wrap {
    Raw,
    Zlib,
    Gzip,
    /// Zlib or gzip, as the first byte says.
    Any,
}

impl Wrap {
    /// The wrapping that a number of window bits asks for.
    pub fn of(bits: i64, reading: bool) -> Option<Wrap> {
        Some(match bits {
            -15..=-8 => Wrap::Raw,
            0 if reading => Wrap::Zlib,
            8 if reading => Wrap::Zlib,
            9..=15 => Wrap::Zlib,
            25..=31 => Wrap::Gzip,
            40..=47 if reading => Wrap::Any,
            _ => return None,
        })
    }
}

/// The Adler-32 checksum of what `start` is the checksum of, and these bytes.
pub fn adler32(start: u32, bytes: &[u8]) -> u32 {
    let (mut a, mut b) = (start & 0xffff, start >> 16);
    // So many additions stay below 32 bits.
    for part in bytes.chunks(5552) {
        for x in part {
            a += *x as u32;
            b += a;
        }
        a %= 65521;
        b %= 65521;
    }
    b << 16 | a
}

/// Checksum and length of what went through.
#[derive(Clone)]
struct Sum {
    wrap: Wrap,
    crc: crc32fast::Hasher,
    adler: u32,
    size: u32,
}

impl Sum {
    fn new(wrap: Wrap) -> Sum {
        Sum { wrap, crc: crc32fast::Hasher::new(), adler: 1, size: 0 }
    }

    fn add(&mut self, bytes: &[u8]) {
        match self.wrap {
            Wrap::Raw => {}
            Wrap::Gzip => self.crc.update(bytes),
            _ => self.adler = adler32(self.adler, bytes),
        }
        self.size = self.size.wrapping_add(bytes.len() as u32);
    }

    /// What follows the deflated bytes.
    fn trailer(&self) -> Vec<u8> {
        match self.wrap {
            Wrap::Raw => Vec::new(),
            Wrap::Gzip => {
                let crc = self.crc.clone().finalize();
                [crc.to_le_bytes(), self.size.to_le_bytes()].concat()
            }
            _ => self.adler.to_be_bytes().to_vec(),
        }
    }
}

/// A stream that compresses.
#[derive(Clone)]
pub struct Deflater {
    core: Box<CompressorOxide>,
    sum: Sum,
    /// The wrapping's head, until it is written.
    head: Vec<u8>,
    /// Whether the end was written.
    pub done: bool,
}

impl Deflater {
    /// Begins at a level from -1 to 9.
    pub fn new(level: i64, wrap: Wrap, bits: i64, strategy: i64) -> Deflater {
        let level = if level < 0 { 6 } else { level as i32 };
        let flags = create_comp_flags_from_zip_params(level, -15, strategy as i32);
        let head = match wrap {
            Wrap::Raw => Vec::new(),
            Wrap::Gzip => {
                let extra = match level {
                    9 => 2,
                    1 => 4,
                    _ => 0,
                };
                vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, extra, 3]
            }
            _ => {
                let method = 8 | (bits.clamp(9, 15) as u32 - 8) << 4;
                let speed = match level {
                    0 | 1 => 0,
                    2..=5 => 1,
                    6 => 2,
                    _ => 3,
                };
                let word = method << 8 | speed << 6;
                let word = word + (31 - word % 31) % 31;
                (word as u16).to_be_bytes().to_vec()
            }
        };
        Deflater { core: Box::new(CompressorOxide::new(flags)), sum: Sum::new(wrap), head, done: false }
    }

    /// Takes more, and what comes out of it; by the flush mode of zlib.
    pub fn run(&mut self, input: &[u8], mode: i64) -> Option<Vec<u8>> {
        let flush = match mode {
            0 => TDEFLFlush::None,
            4 => TDEFLFlush::Finish,
            3 => TDEFLFlush::Full,
            _ => TDEFLFlush::Sync,
        };
        self.sum.add(input);
        let mut out = std::mem::take(&mut self.head);
        let (mut at, mut room) = (0, vec![0; 32768]);
        loop {
            let (status, used, made) = compress(&mut self.core, &input[at..], &mut room, flush);
            at += used;
            out.extend_from_slice(&room[..made]);
            match status {
                TDEFLStatus::Done => {
                    self.done = true;
                    out.extend(self.sum.trailer());
                    return Some(out);
                }
                TDEFLStatus::Okay if at == input.len() && made < room.len() => return Some(out),
                TDEFLStatus::Okay => {}
                _ => return None,
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Head,
    Body,
    Tail,
    End,
}

/// A stream that decompresses.
#[derive(Clone)]
pub struct Inflater {
    core: Box<DecompressorOxide>,
    sum: Sum,
    stage: Stage,
    /// A head or tail of which a part has come.
    held: Vec<u8>,
    window: Vec<u8>,
    dictionary: Vec<u8>,
    /// What followed the end.
    pub unused: Vec<u8>,
    /// What was not taken since the output was limited.
    pub rest: Vec<u8>,
}

/// Bytes of a window.
const WINDOW: usize = 32768;

type Trouble = (i32, &'static str);

impl Inflater {
    /// Begins; a raw stream may refer to the dictionary at once.
    pub fn new(wrap: Wrap, dictionary: Vec<u8>) -> Inflater {
        let raw = wrap == Wrap::Raw;
        Inflater {
            core: Box::new(DecompressorOxide::new()),
            sum: Sum::new(wrap),
            stage: if raw { Stage::Body } else { Stage::Head },
            held: Vec::new(),
            window: if raw { dictionary.clone() } else { Vec::new() },
            dictionary,
            unused: Vec::new(),
            rest: Vec::new(),
        }
    }

    /// Whether the end of the stream was seen.
    pub fn ended(&self) -> bool {
        self.stage == Stage::End
    }

    /// Takes input until `most` bytes came out; what is left of the input is kept in `rest` or `unused`.
    pub fn run(&mut self, input: &[u8], most: usize) -> Result<Vec<u8>, Trouble> {
        let mut out = Vec::new();
        let mut at = 0;
        self.rest.clear();
        loop {
            match self.stage {
                Stage::Head => {
                    let had = self.held.len();
                    self.held.extend_from_slice(&input[at..]);
                    match self.head()? {
                        None => return Ok(out),
                        Some(n) => {
                            at += n - had;
                            self.held.clear();
                            self.stage = Stage::Body;
                        }
                    }
                }
                Stage::Body => {
                    let room = (most - out.len()).min(4 * WINDOW);
                    if room == 0 {
                        break;
                    }
                    let kept = self.window.len().saturating_sub(WINDOW);
                    self.window.drain(..kept);
                    let from = self.window.len();
                    self.window.resize(from + room, 0);
                    let flags = TINFL_FLAG_HAS_MORE_INPUT | TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
                    let (status, used, made) =
                        decompress(&mut self.core, &input[at..], &mut self.window, from, flags);
                    at += used;
                    self.window.truncate(from + made);
                    self.sum.add(&self.window[from..]);
                    out.extend_from_slice(&self.window[from..]);
                    match status {
                        TINFLStatus::Done => {
                            self.stage = if self.sum.wrap == Wrap::Raw { Stage::End } else { Stage::Tail }
                        }
                        TINFLStatus::NeedsMoreInput => return Ok(out),
                        TINFLStatus::HasMoreOutput => {}
                        _ => return Err((-3, "invalid block type")),
                    }
                }
                Stage::Tail => {
                    let whole = self.sum.trailer();
                    let n = (whole.len() - self.held.len()).min(input.len() - at);
                    self.held.extend_from_slice(&input[at..at + n]);
                    at += n;
                    if self.held.len() < whole.len() {
                        return Ok(out);
                    }
                    if self.held[..4] != whole[..4] {
                        return Err((-3, "incorrect data check"));
                    }
                    if self.held != whole {
                        return Err((-3, "incorrect length check"));
                    }
                    self.stage = Stage::End;
                }
                Stage::End => {
                    self.unused.extend_from_slice(&input[at..]);
                    return Ok(out);
                }
            }
        }
        self.rest = input[at..].to_vec();
        Ok(out)
    }

    /// The length of the head that is held, once it is whole.
    fn head(&mut self) -> Result<Option<usize>, Trouble> {
        let b = &self.held[..];
        if self.sum.wrap == Wrap::Any && !b.is_empty() {
            self.sum.wrap = if b[0] == 0x1f { Wrap::Gzip } else { Wrap::Zlib };
        }
        if b.len() < 2 {
            return Ok(None);
        }
        if self.sum.wrap == Wrap::Gzip {
            if b[..2] != [0x1f, 0x8b] {
                return Err((-3, "incorrect header check"));
            }
            return gzip_head(b);
        }
        if !u16::from_be_bytes([b[0], b[1]]).is_multiple_of(31) {
            return Err((-3, "incorrect header check"));
        }
        if b[0] & 15 != 8 {
            return Err((-3, "unknown compression method"));
        }
        if b[0] >> 4 > 7 {
            return Err((-3, "invalid window size"));
        }
        if b[1] & 0x20 == 0 {
            return Ok(Some(2));
        }
        if b.len() < 6 {
            return Ok(None);
        }
        if self.dictionary.is_empty() {
            return Err((2, "need dictionary"));
        }
        if adler32(1, &self.dictionary).to_be_bytes() != b[2..6] {
            return Err((-3, "incorrect header check"));
        }
        self.window = self.dictionary.clone();
        Ok(Some(6))
    }
}

/// The length of a gzip head, once it is whole.
fn gzip_head(b: &[u8]) -> Result<Option<usize>, Trouble> {
    let (Some(method), Some(flags)) = (b.get(2), b.get(3)) else { return Ok(None) };
    if *method != 8 {
        return Err((-3, "unknown compression method"));
    }
    if flags & 0xe0 != 0 {
        return Err((-3, "unknown header flags set"));
    }
    let mut n = 10;
    if flags & 4 != 0 {
        match b.get(n..n + 2) {
            Some(size) => n += 2 + u16::from_le_bytes([size[0], size[1]]) as usize,
            None => return Ok(None),
        }
    }
    // A name and a comment end with a zero.
    for flag in [8, 16] {
        if flags & flag != 0 {
            match b.get(n..).and_then(|t| t.iter().position(|x| *x == 0)) {
                Some(end) => n += end + 1,
                None => return Ok(None),
            }
        }
    }
    if flags & 2 != 0 {
        n += 2;
    }
    Ok((b.len() >= n).then_some(n))
}
