//! One message and one answer on a connection.

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{SemaphorePermit, oneshot};

use super::{Inbound, Shared};
use crate::gossip::wire::{SMALL_STREAM, StreamDecoder, StreamMessage, WireError, label_header};

const READ_BUFFER: usize = 16 << 10;

/// Sends `request` on a connection that we opened and reads the answer, if there is to be one.
pub(super) async fn ask(
    mut connection: impl AsyncRead + AsyncWrite + Unpin,
    shared: &Shared,
    request: StreamMessage,
    reply: bool,
) -> Result<Option<StreamMessage>, String> {
    let mut bytes = label_header(&shared.label);
    bytes.extend_from_slice(&seal(request).await?);
    write(&mut connection, &bytes).await?;
    if !reply {
        connection.shutdown().await.map_err(|err| err.to_string())?;
        return Ok(None);
    }
    let mut reader = MessageReader::new(StreamDecoder::reply(), shared);
    match reader.read(&mut connection).await {
        Ok(message) => Ok(Some(message)),
        Err(ReadError::Closed) => Ok(None),
        Err(err) => Err(err.to_string()),
    }
}

/// Reads a message from a connection that a peer opened, `first` being what has been read of it, and sends the
/// answer of the node.
pub(super) async fn answer(
    mut connection: impl AsyncRead + AsyncWrite + Unpin,
    shared: &Shared,
    from: SocketAddr,
    first: &[u8],
) -> Result<(), String> {
    let mut reader = MessageReader::new(StreamDecoder::request(&shared.label), shared);
    let message = match reader.feed(first).await {
        Ok(Some(message)) => Ok(message),
        Ok(None) => reader.read(&mut connection).await,
        Err(err) => Err(err),
    };
    let message = match message {
        Ok(message) => message,
        Err(err) => {
            if let ReadError::Wire(
                wire @ (WireError::Algorithm(_) | WireError::Encrypted | WireError::Lzw(_)),
            ) = &err
            {
                let error = StreamMessage::Error(wire.to_string());
                write(&mut connection, &error.encode()).await?;
            }
            return Err(err.to_string());
        }
    };
    let (sender, answer) = oneshot::channel();
    if shared.inbound.send(Inbound::Stream { from, message, answer: sender }).await.is_err() {
        return Err("this node is leaving".to_owned());
    }
    if let Ok(Some(answer)) = answer.await {
        let bytes = seal(answer).await?;
        write(&mut connection, &bytes).await?;
    }
    connection.shutdown().await.map_err(|err| err.to_string())
}

async fn write(connection: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> Result<(), String> {
    connection.write_all(bytes).await.map_err(|err| err.to_string())?;
    connection.flush().await.map_err(|err| err.to_string())
}

/// The compressed message; large ones are compressed where they hold up nobody.
async fn seal(message: StreamMessage) -> Result<Vec<u8>, String> {
    let large = match &message {
        StreamMessage::PushPull(exchange) => exchange.user_state.len() > SMALL_STREAM,
        StreamMessage::User(payload) => payload.len() > SMALL_STREAM,
        _ => false,
    };
    if !large {
        return Ok(message.seal());
    }
    tokio::task::spawn_blocking(move || message.seal()).await.map_err(|err| err.to_string())
}

#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error("the peer closed the connection")]
    Closed,
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("decoding was cut short: {0}")]
    Task(String),
}

/// Reads one message, and takes its share of memory before it grows large.
struct MessageReader<'a> {
    decoder: Option<StreamDecoder>,
    shared: &'a Shared,
    share: Option<SemaphorePermit<'a>>,
}

impl<'a> MessageReader<'a> {
    fn new(decoder: StreamDecoder, shared: &'a Shared) -> Self {
        Self { decoder: Some(decoder), shared, share: None }
    }

    async fn read(&mut self, connection: &mut (impl AsyncRead + Unpin)) -> Result<StreamMessage, ReadError> {
        let mut buffer = vec![0; READ_BUFFER];
        loop {
            let len = connection.read(&mut buffer).await?;
            if len == 0 {
                return Err(ReadError::Closed);
            }
            if let Some(message) = self.feed(&buffer[..len]).await? {
                return Ok(message);
            }
        }
    }

    async fn feed(&mut self, bytes: &[u8]) -> Result<Option<StreamMessage>, ReadError> {
        let Some(mut decoder) = self.decoder.take() else { return Err(ReadError::Closed) };
        let outcome = match (self.share.is_some(), decoder.is_due(bytes.len())) {
            (true, true) => {
                let bytes = bytes.to_vec();
                let push = move || {
                    let outcome = decoder.push(&bytes);
                    (decoder, outcome)
                };
                let (back, outcome) = tokio::task::spawn_blocking(push)
                    .await
                    .map_err(|err| ReadError::Task(err.to_string()))?;
                decoder = back;
                outcome
            }
            _ => decoder.push(bytes),
        };
        let outcome = match outcome {
            Err(WireError::Limit { .. }) if decoder.is_small() => {
                self.share = self.shared.large.acquire().await.ok();
                decoder.raise_limit();
                let push = move || {
                    let outcome = decoder.push(&[]);
                    (decoder, outcome)
                };
                let (back, outcome) = tokio::task::spawn_blocking(push)
                    .await
                    .map_err(|err| ReadError::Task(err.to_string()))?;
                decoder = back;
                outcome
            }
            outcome => outcome,
        };
        self.decoder = Some(decoder);
        Ok(outcome?)
    }
}
