//! Follows both sources of the library until standard input is closed.

use crate::{attempt, code_of, emit, material, Lines};
use serde_json::json;
use spiffe::{JwtSource, X509Source};

pub async fn watch() {
    tokio::select! {
        () = async { tokio::join!(follow_x509(), follow_jwt()); } => {}
        () = async { Lines::new().until_closed().await } => {}
    }
}

/// The source hides the errors of its stream, but not that permission was withdrawn.
async fn follow_x509() {
    let Some(source) = attempt("source", X509Source::new().await) else { return };
    let mut updates = source.updated();
    loop {
        let state = source.state();
        match (state.withdrawal(), state.context()) {
            (Some(why), _) => emit("error", json!({"call": "x509", "code": code_of(why.as_ref()), "message": why.to_string()})),
            (None, Ok(context)) => emit("x509", material::context(&context)),
            (None, Err(error)) => emit("error", json!({"call": "x509", "code": null, "message": error.to_string()})),
        }
        if let Ok(svid) = state.svid() {
            emit("source", material::svid(&svid));
        }
        if attempt("x509", updates.changed().await).is_none() {
            return;
        }
    }
}

async fn follow_jwt() {
    let Some(source) = attempt("jwtbundles", JwtSource::new().await) else { return };
    let mut updates = source.updated();
    loop {
        if let Some(bundles) = attempt("jwtbundles", source.bundle_set()) {
            emit("jwtbundles", json!({"bundles": material::jwt_bundles(&bundles)}));
        }
        if attempt("jwtbundles", updates.changed().await).is_none() {
            return;
        }
    }
}
