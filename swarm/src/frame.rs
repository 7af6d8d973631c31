//! WebSocket frames (RFC 6455 §5), as a client writes and reads them.

/// The kinds of frames.
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// No frame of a head is longer, in bytes.
const MOST: u64 = 64 << 20;

/// The bit that says that a payload is masked.
const MASKED: u8 = 0x80;

/// Adds a whole frame of `kind` to `out`. A client must mask what it says, with `key`.
pub(crate) fn write(kind: u8, payload: &[u8], key: u32, out: &mut Vec<u8>) {
    head(kind, payload.len() as u64, key, out);
    let key = key.to_be_bytes();
    out.extend(payload.iter().zip(key.into_iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

/// Adds what stands before the payload of a frame.
pub(crate) fn head(kind: u8, length: u64, key: u32, out: &mut Vec<u8>) {
    out.push(0x80 | kind);
    match length {
        0..126 => out.push(MASKED | length as u8),
        126..65_536 => {
            out.push(MASKED + 126);
            out.extend((length as u16).to_be_bytes());
        }
        _ => {
            out.push(MASKED + 127);
            out.extend(length.to_be_bytes());
        }
    }
    out.extend(key.to_be_bytes());
}

/// What a frame of a head is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    /// Its kind.
    pub(crate) kind: u8,
    /// What it holds.
    pub(crate) payload: &'a [u8],
}

/// The head speaks otherwise than RFC 6455 lets it, or longer than anything it has to say.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the head sent a frame that is masked, in pieces, or endless")]
pub(crate) struct BadFrame;

/// The first frame of `bytes`, and how many of them it takes; `None` if it is not all there.
pub(crate) fn read(bytes: &[u8]) -> Result<Option<(Frame<'_>, usize)>, BadFrame> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    // A head sends every message whole.
    if first & 0xf0 != 0x80 || second & 0x80 != 0 {
        return Err(BadFrame);
    }
    let (length, start) = match second {
        126 => match rest.first_chunk::<2>() {
            Some(length) => (u64::from(u16::from_be_bytes(*length)), 4),
            None => return Ok(None),
        },
        127 => match rest.first_chunk::<8>() {
            Some(length) => (u64::from_be_bytes(*length), 10),
            None => return Ok(None),
        },
        length => (u64::from(*length), 2),
    };
    if length > MOST {
        return Err(BadFrame);
    }
    let end = start + length as usize;
    Ok(bytes.get(start..end).map(|payload| (Frame { kind: first & 0x0f, payload }, end)))
}

#[cfg(test)]
mod tests {
    use super::{BINARY, BadFrame, Frame, PING, TEXT, head, read, write};

    #[test]
    fn what_is_written_is_masked() {
        let mut out = Vec::new();
        // The example of RFC 6455 §5.7.
        write(TEXT, b"Hello", 0x37fa_213d, &mut out);
        assert_eq!(out, b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
        for (length, head_bytes) in [(125, 6), (126, 8), (65_535, 8), (65_536, 14)] {
            out.clear();
            head(BINARY, length, 1, &mut out);
            assert_eq!(out.len(), head_bytes, "{length}");
        }
    }

    #[test]
    fn frames_are_read_one_by_one() {
        let bytes = b"\x89\x01a\x82\x7e\x00\x02bc\x81\x05rest";
        assert_eq!(read(bytes), Ok(Some((Frame { kind: PING, payload: b"a" }, 3))));
        assert_eq!(read(&bytes[3..]), Ok(Some((Frame { kind: BINARY, payload: b"bc" }, 6))));
        assert_eq!(read(&bytes[9..]), Ok(None));
        assert_eq!(read(b"\x82\x7f\0\0\0\0\0\0\0"), Ok(None));
        for bad in [b"\x01\x00".as_slice(), b"\x81\x80", b"\x82\x7f\x7f\0\0\0\0\0\0\0"] {
            assert_eq!(read(bad), Err(BadFrame));
        }
    }
}
