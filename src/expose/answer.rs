//! Bodies that share the page instead of copying it: a hundred slow scrapers cost a hundred references, not a hundred pages.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use futures_util::stream;
use http_body::{Frame, SizeHint};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Sleep;

/// What goes to the connection at once. Small enough that a client that reads slowly is noticed between two pieces.
const PIECE_BYTES: usize = 64 * 1024;

/// The parts, one after the other, in pieces.
pub(super) fn body_of<I>(parts: impl IntoIterator<Item = Bytes, IntoIter = I>) -> Body
where
    I: Iterator<Item = Bytes> + Send + 'static,
{
    let pieces = parts.into_iter().flat_map(pieces);
    Body::from_stream(stream::iter(pieces.map(Ok::<_, Infallible>)))
}

fn pieces(whole: Bytes) -> impl Iterator<Item = Bytes> {
    let starts = (0..whole.len()).step_by(PIECE_BYTES);
    starts.map(move |start| whole.slice(start..whole.len().min(start + PIECE_BYTES)))
}

/// A body that keeps its request's place until it has been read, and is cut short at a deadline: a client that reads a byte now
/// and then would otherwise keep the place for ever.
pub(super) struct Bounded {
    body: Body,
    deadline: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl Bounded {
    pub(super) fn new(body: Body, deadline: Sleep, place: OwnedSemaphorePermit) -> Self {
        Self {
            body,
            deadline: Box::pin(deadline),
            _place: place,
        }
    }
}

impl HttpBody for Bounded {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        if this.deadline.as_mut().poll(context).is_ready() {
            let late = axum::Error::new("the client took too long to read the answer");
            return Poll::Ready(Some(Err(late)));
        }
        let frame = ready!(Pin::new(&mut this.body).poll_frame(context));
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
