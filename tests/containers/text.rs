//! Text. Invariant tested: a rope reads as what it was made of, at any time and from any thread.

use super::common::{Attached, Random};
use minipy::heap::object::{Array, Str};
use minipy::heap::text::chars::{self, Case};
use minipy::heap::text::codec::{self, Bad, Codec, Fault, Order, Policy};
use minipy::heap::text::{self, StrBuilder, index, search};
use minipy::heap::{Mutator, Value, intern};

fn utf8(m: &mut Mutator, v: Value) -> String {
    String::from_utf8(text::bytes_of(m, v).unwrap().to_vec()).unwrap()
}

#[test]
fn ropes_read_as_their_parts() {
    let mut m = Attached::new();
    let mut r = Random(11);
    for _ in 0..30 {
        let mut model = String::new();
        let mut v = m.str("").unwrap();
        for _ in 0..400 {
            let piece = "aé\u{4e00}𐍈"[..[1, 3, 6, 10][r.below(4) as usize]].repeat(1 + r.below(40) as usize);
            let p = m.str(&piece).unwrap();
            if r.below(5) == 0 {
                v = text::concat(&mut m, p, v).unwrap();
                model.insert_str(0, &piece);
            } else {
                v = text::concat(&mut m, v, p).unwrap();
                model.push_str(&piece);
            }
            match r.below(6) {
                0 => assert_eq!(utf8(&mut m, v), model),
                1 => {
                    let n = model.chars().count();
                    assert_eq!(text::len(v), n);
                    let i = r.below(n as u64) as usize;
                    let c = index::code_at(&mut m, v, i).unwrap();
                    assert_eq!(char::from_u32(c), model.chars().nth(i));
                    let at = index::offset(&mut m, v, i).unwrap();
                    assert_eq!(index::index_of(&mut m, v, at).unwrap(), i);
                }
                2 if r.below(8) == 0 => assert_eq!(text::flat(&mut m, v).unwrap().bytes(), model.as_bytes()),
                _ => {}
            }
        }
        assert_eq!(utf8(&mut m, v), model);
    }
}

#[test]
fn appending_in_a_loop_is_linear() {
    let mut m = Attached::new();
    let x = m.str("x").unwrap();
    let mut v = m.str("").unwrap();
    let start = std::time::Instant::now();
    for i in 0..1_000_000 {
        v = text::concat(&mut m, v, x).unwrap();
        if i % 3 == 0 {
            assert_eq!(index::code_at(&mut m, v, i / 2).unwrap(), 'x' as u32);
        }
    }
    assert_eq!(text::len(v), 1_000_000);
    let hostile = std::env::var_os("MINIPY_HARD").is_some();
    assert!(hostile || start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
    let mut v = m.str(&"y".repeat(2000)).unwrap();
    for _ in 0..200_000 {
        v = text::concat(&mut m, x, v).unwrap();
    }
    assert_eq!(text::bytes_of(&mut m, v).unwrap().len(), 202_000);
}

#[test]
fn two_continuations_of_one_rope_do_not_mix() {
    let mut m = Attached::new();
    let long = m.str(&"a".repeat(5000)).unwrap();
    let b = m.str("b").unwrap();
    let base = text::concat(&mut m, long, b).unwrap();
    let base = text::concat(&mut m, base, b).unwrap();
    let holder = m.array(64).unwrap();
    std::thread::scope(|s| {
        let threads: Vec<_> = (0..4u8)
            .map(|t| {
                s.spawn(move || {
                    let mut m = Attached::new();
                    let piece = m.str(&((b'0' + t) as char).to_string().repeat(10)).unwrap();
                    for i in 0..16 {
                        let v = text::concat(&mut m, base, piece).unwrap();
                        let v = text::concat(&mut m, v, piece).unwrap();
                        holder.get::<Array>().slot(t as usize * 16 + i).unwrap().set(v);
                    }
                })
            })
            .collect();
        m.blocking(|| threads.into_iter().for_each(|t| t.join().unwrap()));
    });
    for i in 0..64 {
        let v = holder.get::<Array>().slot(i).unwrap().get();
        let want = format!("{}bb{}", "a".repeat(5000), (i / 16).to_string().repeat(20));
        assert_eq!(utf8(&mut m, v), want);
    }
}

#[test]
fn interning_gives_one_text() {
    let mut m = Attached::new();
    let a = intern::intern_str(&mut m, "some name").unwrap();
    let b = m.str("some name").unwrap();
    assert_eq!(intern::intern_value(&mut m, b).unwrap(), a);
    assert_eq!(intern::lookup(b"some name"), Some(a));
    assert_eq!(intern::lookup(b"no such name"), None);
    let made: Vec<[u64; 500]> = std::thread::scope(|s| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                s.spawn(|| {
                    let mut m = Attached::new();
                    std::array::from_fn(|i| intern::intern_str(&mut m, &format!("i{i}")).unwrap().0)
                })
            })
            .collect();
        m.blocking(|| threads.into_iter().map(|t| t.join().unwrap()).collect())
    });
    assert!(made.iter().all(|w| *w == made[0]));
    assert_eq!(text::hash_of(a.get::<Str>()), text::hash_text(b"some name"));
}

#[test]
fn slices_and_searches() {
    let mut m = Attached::new();
    let mut r = Random(21);
    let chars: Vec<char> = (0..1000).map(|i| ['a', 'é', '中', '😀'][(i * i % 7 % 4) as usize]).collect();
    let model: String = chars.iter().collect();
    let v = m.str(&model).unwrap();
    for _ in 0..500 {
        let (start, step) = (r.below(1000) as usize, r.below(9) as isize - 4);
        if step == 0 {
            continue;
        }
        let room = if step > 0 { (999 - start) / step as usize } else { start / step.unsigned_abs() };
        let n = r.below(room as u64 + 2) as usize;
        let got = index::slice(&mut m, v, start, step, n).unwrap();
        let want: String = (0..n).map(|k| chars[start.wrapping_add_signed(step * k as isize)]).collect();
        assert_eq!(utf8(&mut m, got), want);
        let (a, b) = (r.below(1001) as usize, r.below(1001) as usize);
        let needle: String = chars[start.min(997)..start.min(997) + 2].iter().collect();
        let nv = m.str(&needle).unwrap();
        let hay: String = if a <= b { chars[a..b].iter().collect() } else { String::new() };
        let place = |at: Option<usize>| at.map(|at| a + hay[..at].chars().count());
        let got = search::find(&mut m, v, nv, a, b, false).unwrap();
        assert_eq!(got, if a <= b { place(hay.find(&needle)) } else { None });
        let got = search::find(&mut m, v, nv, a, b, true).unwrap();
        assert_eq!(got, if a <= b { place(hay.rfind(&needle)) } else { None });
        assert_eq!(search::count_in(&mut m, v, nv, a, b).unwrap(), hay.matches(&needle).count());
        let piece = m.str("<>").unwrap();
        let got = search::replace(&mut m, v, nv, piece, n).unwrap();
        assert_eq!(utf8(&mut m, got), model.replacen(&needle, "<>", n));
    }
    let e = m.str("").unwrap();
    let dash = m.str("-").unwrap();
    let abc = m.str("abc").unwrap();
    for (limit, want) in [(9, "-a-b-c-"), (2, "-a-bc"), (0, "abc")] {
        let got = search::replace(&mut m, abc, e, dash, limit).unwrap();
        assert_eq!(utf8(&mut m, got), want);
    }
}

#[test]
fn case_and_repr() {
    let mut m = Attached::new();
    let cases = [
        ("ΑΣ ΣΑΣ!", Case::Lower, "ας σας!"),
        ("straße ﬁ", Case::Upper, "STRASSE FI"),
        ("ﬁne ßtorm they're", Case::Title, "Fine Sstorm They'Re"),
        ("ǆ HELLO", Case::Capital, "ǅ hello"),
        ("Straße", Case::Fold, "strasse"),
        ("aB1é", Case::Swap, "Ab1É"),
        ("hello wORLD", Case::Title, "Hello World"),
        ("hELLO", Case::Capital, "Hello"),
    ];
    for (from, case, want) in cases {
        let v = m.str(from).unwrap();
        let got = chars::to_case(&mut m, v, case).unwrap();
        assert_eq!(utf8(&mut m, got), want, "{from} {case:?}");
    }
    let reprs: [(&[u8], bool, &str); 5] = [
        (b"it's", false, "\"it's\""),
        ("a\n\\'\"é\u{200b}\u{7f}".as_bytes(), false, "'a\\n\\\\\\'\"é\\u200b\\x7f'"),
        ("é😀".as_bytes(), true, "'\\xe9\\U0001f600'"),
        (b"\xed\xa0\x80", false, "'\\ud800'"),
        ("\t\u{a0}\u{e000}".as_bytes(), false, "'\\t\\xa0\\ue000'"),
    ];
    for (bytes, ascii, want) in reprs {
        let mut out = StrBuilder::new();
        chars::repr(bytes, ascii, &mut out).unwrap();
        assert_eq!(out.bytes(), want.as_bytes());
    }
    assert_eq!(chars::decimal('٣' as u32), Some(3));
    assert!(chars::is_digit('²' as u32) && !chars::is_decimal('²' as u32) && chars::is_numeric('一' as u32));
    assert!(chars::is_identifier("étude_1".as_bytes()) && !chars::is_identifier(b"1a"));
    assert!(chars::all_title(b"Hello World") && !chars::all_title(b"HeLLo"));
}

#[test]
fn decoding_and_encoding() {
    let mut m = Attached::new();
    let bad = |start, end, reason| Some(Bad { start, end, reason });
    let faults: &[(&[u8], Codec, Option<Bad>)] = &[
        (b"ab\xff", Codec::Utf8, bad(2, 3, "invalid start byte")),
        (b"\xe4\xb8x", Codec::Utf8, bad(0, 2, "invalid continuation byte")),
        (b"\xe4\xb8", Codec::Utf8, bad(0, 2, "unexpected end of data")),
        (b"\xed\xa0\x80", Codec::Utf8, bad(0, 1, "invalid continuation byte")),
        (b"a\x80", Codec::Ascii, bad(1, 2, "ordinal not in range(128)")),
        (b"abc", Codec::Utf16(Order::Little), bad(2, 3, "truncated data")),
        ("é中😀".as_bytes(), Codec::Utf8, None),
    ];
    for (bytes, codec, want) in faults {
        let got = match codec::decode(&mut m, bytes, *codec, Policy::Strict) {
            Err(Fault::Bad(bad)) => Some(bad),
            Err(Fault::Full) => panic!("full"),
            Ok(_) => None,
        };
        assert_eq!(got, *want, "{bytes:?}");
    }
    let policies: &[(Policy, &[u8])] = &[
        (Policy::Ignore, b"ab"),
        (Policy::Replace, "a\u{fffd}b".as_bytes()),
        (Policy::BackslashReplace, b"a\\xffb"),
        (Policy::SurrogateEscape, b"a\xed\xb3\xbfb"),
    ];
    for (policy, want) in policies {
        let v = codec::decode(&mut m, b"a\xffb", Codec::Utf8, *policy).unwrap();
        assert_eq!(text::bytes_of(&mut m, v).unwrap(), *want);
        if *policy == Policy::SurrogateEscape {
            let back = codec::encode(&mut m, v, Codec::Utf8, *policy).unwrap();
            assert_eq!(back.get::<minipy::heap::object::Bytes>().bytes(), b"a\xffb");
            assert!(matches!(
                codec::encode(&mut m, v, Codec::Utf8, Policy::Strict),
                Err(Fault::Bad(Bad { start: 1, end: 2, reason: "surrogates not allowed" }))
            ));
        }
    }
    let v = m.str("aé😀").unwrap();
    for order in [Order::Little, Order::Big, Order::Marked] {
        for codec in [Codec::Utf16(order), Codec::Utf32(order)] {
            let b = codec::encode(&mut m, v, codec, Policy::Strict).unwrap();
            let bytes = b.get::<minipy::heap::object::Bytes>().bytes();
            let back = codec::decode(&mut m, bytes, codec, Policy::Strict).unwrap();
            assert!(index::equal(&mut m, v, back).unwrap());
        }
    }
    let b = codec::encode(&mut m, v, Codec::Ascii, Policy::XmlCharRefReplace).unwrap();
    assert_eq!(b.get::<minipy::heap::object::Bytes>().bytes(), b"a&#233;&#128512;");
}
