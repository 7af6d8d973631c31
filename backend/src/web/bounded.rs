//! The body of a WebSocket's request, up to a bound for each frame.
//!
//! actix-ws compares the size of a frame with its limit only once all of the frame is there: one that
//! is announced as a gigabyte would be gathered before it is refused.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::error::PayloadError;
use actix_web::{FromRequest as _, HttpRequest, dev, web};
use bytes::Bytes;
use futures_core::Stream;

/// `body`, which ends with an error at the first frame that is announced with more than `most`
/// bytes.
pub(super) async fn bounded(
    request: &HttpRequest,
    body: web::Payload,
    most: usize,
) -> actix_web::Result<web::Payload> {
    let frames = Frames { most: most as u64, ..Frames::default() };
    let bounded = Bounded { body: body.into_inner(), frames };
    let mut body: dev::Payload = dev::Payload::Stream { payload: Box::pin(bounded) };
    web::Payload::from_request(request, &mut body).await
}

struct Bounded {
    body: dev::Payload,
    frames: Frames,
}

impl Stream for Bounded {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let part = ready!(Pin::new(&mut self.body).poll_next(context));
        if let Some(Ok(bytes)) = &part
            && !self.frames.pass(bytes)
        {
            return Poll::Ready(Some(Err(PayloadError::Overflow)));
        }
        Poll::Ready(part)
    }
}

/// Follows frames by their headers (RFC 6455 §5.2) through bytes that come in any pieces.
#[derive(Default)]
struct Frames {
    /// Bytes of a frame's payload at most.
    most: u64,
    /// What there is of the next frame's header, without the masking key.
    header: Vec<u8>,
    /// Bytes until then.
    ahead: u64,
}

impl Frames {
    /// Takes the next bytes; `false` if a frame is too large.
    fn pass(&mut self, mut bytes: &[u8]) -> bool {
        loop {
            let skipped = bytes.len().min(usize::try_from(self.ahead).unwrap_or(usize::MAX));
            self.ahead -= skipped as u64;
            let Some((&byte, rest)) = bytes[skipped..].split_first() else { return true };
            bytes = rest;
            self.header.push(byte);
            let Some((length, key)) = announced(&self.header) else { continue };
            if length > self.most {
                return false;
            }
            self.ahead = length.saturating_add(key);
            self.header.clear();
        }
    }
}

/// The lengths of payload and masking key, once the header tells them.
fn announced(header: &[u8]) -> Option<(u64, u64)> {
    let second = *header.get(1)?;
    let length = match second & 0x7f {
        126 => u16::from_be_bytes(header.get(2..4)?.try_into().ok()?).into(),
        127 => u64::from_be_bytes(header.get(2..10)?.try_into().ok()?),
        length => length.into(),
    };
    Some((length, if second & 0x80 == 0 { 0 } else { 4 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(length: u16, masked: bool) -> Vec<u8> {
        let (mask, key) = if masked { (0x80, 4) } else { (0, 0) };
        let mut frame = vec![0x82];
        match u8::try_from(length) {
            Ok(length @ 0..126) => frame.push(mask | length),
            _ => frame.extend([&[mask | 0x7e][..], &length.to_be_bytes()].concat()),
        }
        frame.resize(frame.len() + usize::from(length) + key, 0xff);
        frame
    }

    #[test]
    fn frames_are_followed_through_pieces_of_any_size() {
        let lengths = [0, 1, 125, 126, 127, 255, 256, 4096, 0, 3];
        let whole: Vec<u8> =
            lengths.iter().flat_map(|&length| frame(length, length % 3 != 0)).collect();
        let too_large = frame(4097, true);
        for piece in [1, 2, 3, 7, 100, 4096, usize::MAX] {
            let mut frames = Frames { most: 4096, ..Frames::default() };
            assert!(whole.chunks(piece).all(|bytes| frames.pass(bytes)), "{piece}");
            assert!(!too_large[..4].chunks(piece).all(|bytes| frames.pass(bytes)), "{piece}");
        }
    }

    #[test]
    fn a_length_beyond_memory_is_only_a_length() {
        let mut frames = Frames { most: 4096, ..Frames::default() };
        assert!(!frames.pass(&[0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]));
        let mut frames = Frames { most: u64::MAX, ..Frames::default() };
        assert!(frames.pass(&[0x82, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0]));
        assert_eq!(frames.ahead, u64::MAX - 2);
    }
}
