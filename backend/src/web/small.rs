//! A WebSocket that takes little room, for links of which thousands are open at once.
//!
//! Below an ordinary one lie the sixteen kilobytes with which the HTTP server reads requests and writes
//! answers, for as long as it lives. This one begins where HTTP ends: it has the connection to itself,
//! and holds no more than what is on its way.

use std::io;

use actix_http::ws::{Codec, Frame, Item, Message};
use actix_ws::{CloseReason, ProtocolError};
use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_util::codec::{Decoder as _, Encoder as _};

/// What is read at once at most, in bytes.
const PIECE: usize = 4096;
/// Pieces at most that are read to no end, after the end.
const MOST_LOST: usize = 64;
/// What is kept ready for the next piece, in bytes: most messages fit into it.
const LEAST: usize = 256;
/// What may stand before a payload (RFC 6455 §5.2), in bytes.
const MOST_HEADER: usize = 14;

/// See the module.
pub(super) struct Small<S> {
    stream: S,
    codec: Codec,
    inbox: BytesMut,
    /// Whether there is more room in it than most messages need.
    is_grown: bool,
    /// The parts of a message that comes in several.
    parts: Option<(bool, Vec<u8>)>,
    /// Bytes of a message at most.
    most: usize,
}

/// What comes, in whole.
#[derive(Debug)]
pub(super) enum Said {
    Text(Bytes),
    Binary(Bytes),
    Ping(Bytes),
    Pong,
    Close(Option<CloseReason>),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Small<S> {
    /// On a connection that was upgraded just now. Messages have at most `most` bytes.
    pub(super) fn new(stream: S, most: usize) -> Self {
        let codec = Codec::new().max_size(most);
        Self { stream, codec, inbox: BytesMut::new(), is_grown: false, parts: None, most }
    }

    /// What comes next; `None` is the end without a word. It can be given up at any time, and nothing
    /// is lost.
    pub(super) async fn next(&mut self) -> Option<Result<Said, ProtocolError>> {
        loop {
            match self.codec.decode(&mut self.inbox) {
                Ok(Some(frame)) => match self.whole(frame) {
                    Ok(Some(said)) => return Some(Ok(said)),
                    Ok(None) => continue,
                    Err(error) => return Some(Err(error)),
                },
                Ok(None) => {}
                Err(error) => return Some(Err(error)),
            }
            // The codec tells that a frame is too large only when all of it is there.
            if self.inbox.len() > self.most + MOST_HEADER {
                return Some(Err(ProtocolError::Overflow));
            }
            if !self.inbox.is_empty() {
                self.inbox.reserve(PIECE);
                self.is_grown = true;
            } else if std::mem::take(&mut self.is_grown) {
                self.inbox = BytesMut::with_capacity(LEAST);
            } else {
                self.inbox.reserve(LEAST);
            }
            if !matches!(self.stream.read_buf(&mut self.inbox).await, Ok(1..)) {
                return None;
            }
        }
    }

    fn whole(&mut self, frame: Frame) -> Result<Option<Said>, ProtocolError> {
        let (item, is_text) = match frame {
            Frame::Text(bytes) => return Ok(Some(Said::Text(bytes))),
            Frame::Binary(bytes) => return Ok(Some(Said::Binary(bytes))),
            Frame::Ping(bytes) => return Ok(Some(Said::Ping(bytes))),
            Frame::Pong(_) => return Ok(Some(Said::Pong)),
            Frame::Close(reason) => return Ok(Some(Said::Close(reason))),
            Frame::Continuation(Item::FirstText(bytes)) => (bytes, Some(true)),
            Frame::Continuation(Item::FirstBinary(bytes)) => (bytes, Some(false)),
            Frame::Continuation(Item::Continue(bytes)) => (bytes, None),
            Frame::Continuation(Item::Last(bytes)) => {
                let (is_text, mut parts) = self.parts.take().unwrap_or_default();
                self.fits(parts.len() + bytes.len())?;
                parts.extend(bytes);
                let bytes = Bytes::from(parts);
                return Ok(Some(if is_text { Said::Text(bytes) } else { Said::Binary(bytes) }));
            }
        };
        if let Some(is_text) = is_text {
            self.parts = Some((is_text, Vec::new()));
        }
        let length = self.parts.as_ref().map_or(0, |(_, parts)| parts.len());
        self.fits(length + item.len())?;
        if let Some((_, parts)) = &mut self.parts {
            parts.extend(item);
        }
        Ok(None)
    }

    fn fits(&self, length: usize) -> Result<(), ProtocolError> {
        if length > self.most { Err(ProtocolError::Overflow) } else { Ok(()) }
    }

    /// Sends a message. To give it up is the end of the link.
    pub(super) async fn send(&mut self, message: Message) -> io::Result<()> {
        let mut out = BytesMut::new();
        self.codec.encode(message, &mut out).map_err(io::Error::other)?;
        self.stream.write_all(&out).await?;
        self.stream.flush().await
    }

    /// Ends it, with a reason if there is one.
    pub(super) async fn close(mut self, reason: Option<CloseReason>) -> io::Result<()> {
        self.send(Message::Close(reason)).await?;
        self.stream.shutdown().await?;
        // What is still on its way is read, or the reason would be lost with a reset.
        for _ in 0..MOST_LOST {
            self.inbox.clear();
            self.inbox.reserve(PIECE);
            if self.stream.read_buf(&mut self.inbox).await? == 0 {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::duplex;

    /// What is heard of these bytes, which come in pieces of `piece` bytes.
    async fn heard(bytes: &[u8], piece: usize) -> Vec<String> {
        let (mut far, near) = duplex(64 * 1024);
        let mut small = Small::new(near, 1000);
        let bytes = bytes.to_vec();
        let sending = tokio::spawn(async move {
            for piece in bytes.chunks(piece) {
                far.write_all(piece).await.ok();
                tokio::task::yield_now().await;
            }
        });
        let mut all = Vec::new();
        while let Some(said) = small.next().await {
            let ended = said.is_err();
            all.push(match said {
                Ok(said) => format!("{said:?}"),
                Err(error) => error.to_string(),
            });
            if ended {
                break;
            }
        }
        sending.abort();
        all
    }

    #[tokio::test]
    async fn messages_come_whole_in_pieces_of_any_size() {
        // A mask of zeros leaves all as it is.
        let frames = [
            b"\x82\x83\0\0\0\0abc".as_slice(),
            b"\x01\x81\0\0\0\0d",
            b"\x89\x81\0\0\0\0p",
            b"\x00\x81\0\0\0\0e",
            b"\x80\x81\0\0\0\0f",
            b"\x8a\x80\0\0\0\0",
            b"\x81\x80\0\0\0\0",
        ];
        let told = ["Binary(b\"abc\")", "Ping(b\"p\")", "Text(b\"def\")", "Pong", "Text(b\"\")"];
        for piece in [1, 2, 3, 7, 1000] {
            assert_eq!(heard(&frames.concat(), piece).await, told, "{piece}");
        }
    }

    #[tokio::test]
    async fn what_is_too_large_is_not_gathered() {
        let mut frame = b"\x82\xff\0\0\0\0\x40\0\0\0\0\0\0\0".to_vec();
        frame.resize(8000, 1);
        assert_eq!(heard(&frame, 500).await, [ProtocolError::Overflow.to_string()]);
        let part = |kind: u8| [&[kind, 0xfe, 1, 0x90, 0, 0, 0, 0][..], &[1; 400]].concat();
        let parts = [part(2), part(0), part(0)].concat();
        assert_eq!(heard(&parts, 1000).await, [ProtocolError::Overflow.to_string()]);
    }

    #[tokio::test]
    async fn what_is_not_masked_is_refused() {
        assert_eq!(heard(b"\x82\x01a", 9).await, [ProtocolError::UnmaskedFrame.to_string()]);
    }
}
