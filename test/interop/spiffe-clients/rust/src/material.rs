//! What the library holds, as the events tell it.

use serde_json::{json, Value};
use sha2::{Digest, Sha256};
use spiffe::{JwtBundleSet, JwtSvid, X509BundleSet, X509Context, X509Svid};
use x509_parser::prelude::{FromDer, X509Certificate};

pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The serial number in hexadecimal without leading zeros, and the end of the certificate in Unix seconds.
pub fn serial_and_end(der: &[u8]) -> (String, i64) {
    let (_, certificate) = X509Certificate::from_der(der).expect("the library has parsed it");
    (certificate.tbs_certificate.serial.to_str_radix(16), certificate.validity().not_after.timestamp())
}

pub fn svid(svid: &X509Svid) -> Value {
    let (serial, not_after) = serial_and_end(svid.leaf().as_bytes());
    json!({
        "id": svid.spiffe_id().to_string(), "serial": serial, "notAfter": not_after, "hint": svid.hint().unwrap_or(""),
        "chain": svid.cert_chain().len(),
    })
}

pub fn context(context: &X509Context) -> Value {
    let svids: Vec<Value> = context.svids().iter().map(|each| svid(each)).collect();
    json!({"svids": svids, "bundles": x509_bundles(context.bundle_set())})
}

/// The SHA-256 of every authority, by trust domain.
pub fn x509_bundles(set: &X509BundleSet) -> Value {
    let hash = |der: &[u8]| hexadecimal(&Sha256::digest(der));
    set.iter()
        .map(|(name, bundle)| {
            let hashes: Vec<String> = bundle.authorities().iter().map(|each| hash(each.as_bytes())).collect();
            (name.to_string(), json!(hashes))
        })
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Every key id, by trust domain.
pub fn jwt_bundles(set: &JwtBundleSet) -> Value {
    set.iter()
        .map(|(name, bundle)| {
            let kids: Vec<&str> = bundle.jwt_authorities().map(|each| each.key_id()).collect();
            (name.to_string(), json!(kids))
        })
        .collect::<serde_json::Map<_, _>>()
        .into()
}

pub fn tokens(svids: &[JwtSvid]) -> Value {
    let tokens: Vec<Value> = svids
        .iter()
        .map(|svid| {
            json!({
                "id": svid.spiffe_id().to_string(), "audience": svid.audience(), "exp": svid.expiry().unix_timestamp(),
                "hint": svid.hint().unwrap_or(""), "token": svid.token(), "kid": svid.key_id(),
            })
        })
        .collect();
    json!({ "tokens": tokens })
}
