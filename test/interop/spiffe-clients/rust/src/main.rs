//! A workload that takes its identity from the `spiffe` crate. Commands and events are those of every program of this suite: see
//! the README.

mod material;
mod tls;
mod tokens;
mod watch;

use serde_json::{json, Value};
use spiffe::{transport::TransportError, WorkloadApiClient, WorkloadApiError};
use std::error::Error;
use std::time::SystemTime;
use tokio::io::{AsyncBufReadExt, BufReader};

/// Prints an event: one JSON object.
pub fn emit(event: &str, more: Value) {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let mut line = json!({"ts": since_epoch.unwrap_or_default().as_millis() as u64, "event": event});
    if let (Some(line), Value::Object(more)) = (line.as_object_mut(), more) {
        line.extend(more);
    }
    println!("{line}");
}

/// The number of the gRPC status behind an error, if there is one.
pub fn code_of(error: &(dyn Error + 'static)) -> Option<i32> {
    let found = match error.downcast_ref::<WorkloadApiError>() {
        Some(WorkloadApiError::NoIdentityIssued | WorkloadApiError::PermissionDenied(_)) => Some(7),
        Some(WorkloadApiError::Transport(TransportError::Status(status))) => Some(status.code() as i32),
        _ => None,
    };
    found.or_else(|| error.source().and_then(code_of))
}

/// The value of a call, or nothing once its error is printed.
pub fn attempt<T, E: Error + 'static>(call: &str, outcome: Result<T, E>) -> Option<T> {
    match outcome {
        Ok(value) => Some(value),
        Err(error) => {
            emit("error", json!({"call": call, "code": code_of(&error), "message": error.to_string()}));
            None
        }
    }
}

/// Lines of standard input, cut at tabulators, until it is closed.
pub struct Lines(tokio::io::Lines<BufReader<tokio::io::Stdin>>);

impl Lines {
    pub fn new() -> Self {
        Self(BufReader::new(tokio::io::stdin()).lines())
    }

    pub async fn next(&mut self) -> Option<Vec<String>> {
        let line = self.0.next_line().await.ok()??;
        Some(line.split('\t').map(str::to_owned).collect())
    }

    pub async fn until_closed(&mut self) {
        while self.next().await.is_some() {}
    }
}

async fn fetch(audience: &[String]) {
    let Some(client) = attempt("connect", WorkloadApiClient::connect_env().await) else { return };
    if let Some(svid) = attempt("svid", client.fetch_x509_svid().await) {
        emit("svid", material::svid(&svid));
    }
    if let Some(context) = attempt("x509", client.fetch_x509_context().await) {
        emit("x509", material::context(&context));
    }
    if let Some(bundles) = attempt("x509bundles", client.fetch_x509_bundles().await) {
        emit("x509bundles", json!({"bundles": material::x509_bundles(&bundles)}));
    }
    if let Some(bundles) = attempt("jwtbundles", client.fetch_jwt_bundles().await) {
        emit("jwtbundles", json!({"bundles": material::jwt_bundles(&bundles)}));
    }
    tokens::fetch(&client, audience, None).await;
    emit("done", json!({}));
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first().map(|(command, rest)| (command.as_str(), rest)) {
        Some(("fetch", audience)) => fetch(audience).await,
        Some(("watch", _)) => watch::watch().await,
        Some(("jwt", _)) => tokens::serve_lines().await,
        Some(("serve", [authorize])) => tls::serve(authorize).await,
        Some(("dial", targets)) => tls::dial(targets).await,
        _ => {
            eprintln!("usage: spiffe-client fetch AUDIENCE... | watch | jwt | serve AUTHORIZE | dial [--every MS] AUTHORIZE@PORT...");
            std::process::exit(2);
        }
    }
}
