//! Mutual TLS in both roles.

use crate::{attempt, emit, material, Lines};
use rustls::pki_types::ServerName;
use serde_json::json;
use spiffe::X509Source;
use spiffe_rustls::authorizer::{self, Authorizer};
use spiffe_rustls::{mtls_client, mtls_server};
use spiffe_rustls_tokio::{TlsAcceptor, TlsConnector};
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

const PATIENCE: Duration = Duration::from_secs(10);

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn authorize(name: &str) -> Box<dyn Authorizer> {
    match name {
        "any" => Box::new(authorizer::any()),
        id => Box::new(authorizer::exact([id]).expect("the driver names a SPIFFE ID")),
    }
}

async fn read_line(stream: impl AsyncRead + Unpin) -> Outcome<String> {
    let mut text = String::new();
    match BufReader::new(stream).read_line(&mut text).await? {
        0 => Err("the peer closed the connection".into()),
        _ => Ok(text.trim().to_owned()),
    }
}

/// Answers every peer that it authorizes with a line, until standard input is closed.
pub async fn serve(who: &str) {
    let Some(source) = attempt("source", X509Source::new().await) else { return };
    let Some(config) = attempt("serve", mtls_server(source).authorize(authorize(who)).build()) else { return };
    let Some(listener) = attempt("serve", TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await) else { return };
    emit("listening", json!({"port": listener.local_addr().map(|address| address.port()).unwrap_or(0)}));
    let acceptor = TlsAcceptor::new(Arc::new(config));
    let accept = async {
        while let Ok((tcp, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                match tokio::time::timeout(PATIENCE, answer(acceptor, tcp)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => emit("refused", json!({"message": error.to_string()})),
                    Err(late) => emit("refused", json!({"message": late.to_string()})),
                }
            });
        }
    };
    tokio::select! {
        () = accept => {}
        () = async { Lines::new().until_closed().await } => {}
    }
}

async fn answer(acceptor: TlsAcceptor, tcp: TcpStream) -> Outcome<()> {
    let (mut stream, peer) = acceptor.accept(tcp).await?;
    let text = read_line(&mut stream).await?;
    emit("accepted", json!({"peer": peer.require_spiffe_id()?.to_string(), "text": text}));
    stream.write_all(b"hello from rust\n").await?;
    Ok(stream.shutdown().await?)
}

/// Connects to each target once, or again and again until standard input is closed.
pub async fn dial(arguments: &[String]) {
    let Some(source) = attempt("source", X509Source::new().await) else { return };
    match arguments {
        [flag, milliseconds, targets @ ..] if flag == "--every" => {
            let every = Duration::from_millis(milliseconds.parse().expect("the driver gives a number"));
            let again = async {
                loop {
                    dial_all(&source, targets).await;
                    tokio::time::sleep(every).await;
                }
            };
            tokio::select! {
                () = again => {}
                () = async { Lines::new().until_closed().await } => {}
            }
        }
        targets => {
            dial_all(&source, targets).await;
            emit("done", json!({}));
        }
    }
}

async fn dial_all(source: &X509Source, targets: &[String]) {
    for target in targets {
        match tokio::time::timeout(PATIENCE, greet(source, target)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => emit("refused", json!({"target": target, "message": error.to_string()})),
            Err(late) => emit("refused", json!({"target": target, "message": late.to_string()})),
        }
    }
}

async fn greet(source: &X509Source, target: &str) -> Outcome<()> {
    let (who, port) = target.split_once('@').ok_or("a target is AUTHORIZE@PORT")?;
    let config = mtls_client(source.clone()).authorize(authorize(who)).build()?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse()?));
    let connector = TlsConnector::new(Arc::new(config));
    let (mut stream, peer) = connector.connect_addr(address, ServerName::try_from("localhost")?).await?;
    stream.write_all(b"hello from rust\n").await?;
    let text = read_line(&mut stream).await?;
    let connection = stream.get_ref().1;
    let leaf = connection.peer_certificates().and_then(|chain| chain.first()).ok_or("no certificate")?;
    let protocol = match connection.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2",
        _ => "TLS 1.3",
    };
    emit(
        "connected",
        json!({
            "target": target, "peer": peer.require_spiffe_id()?.to_string(), "text": text,
            "serial": material::serial_and_end(leaf).0, "protocol": protocol,
        }),
    );
    Ok(())
}
