//! The first bytes of a connection: the preface of HTTP/2, or something that is not for us.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::Refusal;

/// What every client of HTTP/2 says first (RFC 9113, section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How requests of HTTP/1 begin.
const METHODS: [&str; 9] =
    ["GET ", "HEAD ", "POST ", "PUT ", "DELETE ", "OPTIONS ", "CONNECT ", "TRACE ", "PATCH "];

/// Reads the preface; any other beginning is refused at its first wrong byte. A peer that leaves
/// without a word is no offence.
pub async fn greet<T: AsyncRead + Unpin>(io: &mut T) -> Result<(), Option<Refusal>> {
    let mut said = [0; PREFACE.len()];
    let mut length = 0;
    while length < PREFACE.len() {
        let read = io.read(&mut said[length..]).await.map_err(|_| None)?;
        length += read;
        if said[..length] != PREFACE[..length] {
            return Err(Some(kind(&said[..length])));
        }
        if read == 0 {
            return Err((length > 0).then_some(Refusal::Garbage));
        }
    }
    Ok(())
}

fn kind(said: &[u8]) -> Refusal {
    let begins = |method: &str| {
        let length = said.len().min(method.len());
        length > 1 && said[..length] == method.as_bytes()[..length]
    };
    if METHODS.iter().any(|method| begins(method)) { Refusal::Http1 } else { Refusal::Garbage }
}

/// A connection whose preface was read already, and is read again by who serves it.
pub struct Rewound<T> {
    /// Bytes of the preface that are still to be read.
    left: usize,
    io: T,
}

impl<T> Rewound<T> {
    pub fn new(io: T) -> Rewound<T> {
        Rewound { left: PREFACE.len(), io }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Rewound<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left == 0 {
            return Pin::new(&mut self.io).poll_read(context, buffer);
        }
        let rest = &PREFACE[PREFACE.len() - self.left..];
        let length = rest.len().min(buffer.remaining());
        buffer.put_slice(&rest[..length]);
        self.left -= length;
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Rewound<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    async fn greeted(said: &[u8]) -> Result<(), Option<Refusal>> {
        let mut io = said;
        greet(&mut io).await
    }

    #[tokio::test]
    async fn only_http2_is_let_in() {
        let mut more = PREFACE.to_vec();
        more.extend(b"and frames");
        assert_eq!(greeted(PREFACE).await, Ok(()));
        assert_eq!(greeted(&more).await, Ok(()));
        for (said, refusal) in [
            (&b"GET / HTTP/1.1\r\n\r\n"[..], Some(Refusal::Http1)),
            (
                b"POST /surety.v1.RiskDecisionService/EvaluatePurchase HTTP/1.1\r\n",
                Some(Refusal::Http1),
            ),
            (b"PUT", Some(Refusal::Http1)),
            (b"\x16\x03\x01\x02\x00\x01", Some(Refusal::Garbage)),
            (b"PRI * HTTP/3.0\r\n\r\nSM\r\n\r\n", Some(Refusal::Garbage)),
            (b"PRI * HTTP", Some(Refusal::Garbage)),
            (b"", None),
        ] {
            assert_eq!(greeted(said).await, Err(refusal), "{said:?}");
        }
    }

    #[tokio::test]
    async fn what_was_read_is_read_again() {
        let (mut client, mut server) = tokio::io::duplex(256);
        client.write_all(PREFACE).await.unwrap();
        client.write_all(b"frames").await.unwrap();
        client.shutdown().await.unwrap();
        greet(&mut server).await.unwrap();
        let mut all = Vec::new();
        Rewound::new(server).read_to_end(&mut all).await.unwrap();
        assert_eq!(all, [&PREFACE[..], b"frames"].concat());
    }
}
