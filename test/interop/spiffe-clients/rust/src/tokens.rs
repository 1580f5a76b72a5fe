//! JWT-SVIDs: asked for and looked at, as the lines of standard input say.

use crate::{attempt, code_of, emit, material, Lines};
use serde_json::json;
use spiffe::{JwtSvid, SpiffeId, WorkloadApiClient};
use std::error::Error;

pub async fn fetch(client: &WorkloadApiClient, audience: &[String], subject: Option<&SpiffeId>) {
    if let Some(tokens) = attempt("jwt", client.fetch_all_jwt_svids(audience, subject).await) {
        emit("jwt", material::tokens(&tokens));
    }
}

fn verdict(by: &str, outcome: Result<JwtSvid, Box<dyn Error>>) {
    match outcome {
        Ok(svid) => emit("valid", json!({"by": by, "id": svid.spiffe_id().to_string()})),
        Err(error) => emit("invalid", json!({"by": by, "code": code_of(error.as_ref()), "message": error.to_string()})),
    }
}

async fn locally(client: &WorkloadApiClient, audience: &str, token: &str) -> Result<JwtSvid, Box<dyn Error>> {
    let bundles = client.fetch_jwt_bundles().await?;
    Ok(JwtSvid::parse_and_validate(token, &bundles, &[audience])?)
}

/// `fetch AUDIENCE[,AUDIENCE] [ID]` and `validate AUDIENCE TOKEN`.
pub async fn serve_lines() {
    let Some(client) = attempt("connect", WorkloadApiClient::connect_env().await) else { return };
    let mut lines = Lines::new();
    while let Some(words) = lines.next().await {
        match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["validate", audience, token] => {
                verdict("agent", client.validate_jwt_token(*audience, token).await.map_err(Into::into));
                verdict("local", locally(&client, audience, token).await);
            }
            ["fetch", audience, subject @ ..] => {
                let audience: Vec<String> = audience.split(',').map(str::to_owned).collect();
                let subject = subject.first().and_then(|id| SpiffeId::new(*id).ok());
                fetch(&client, &audience, subject.as_ref()).await;
            }
            _ => {}
        }
    }
}
