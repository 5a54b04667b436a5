//! Certificates and keys from PEM files.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use pkcs8::EncryptedPrivateKeyInfo;
use pkcs8::der::pem::PemLabel;
use pkcs8::der::{Decode, Document};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::kafka::error::BadFile;
use crate::kafka::secret::Secret;

/// Several times what all of a system's authorities take; a larger file is some other file, or an endless one.
const MAX_PEM_BYTES: u64 = 4 << 20;

/// All certificates in a file; at least one.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, BadFile> {
    let text = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(bad(
            path,
            "it has no certificate in PEM (BEGIN CERTIFICATE)",
        )),
        Err(error) => Err(bad(path, &format!("it is no valid PEM: {error}"))),
    }
}

/// The private key in a file: PKCS#8, plain or encrypted, PKCS#1 or SEC1.
pub(super) fn key(
    path: &Path,
    password: Option<&Secret>,
) -> Result<PrivateKeyDer<'static>, BadFile> {
    let text = read(path)?;
    let shown = String::from_utf8_lossy(&text);
    if shown.contains(EncryptedPrivateKeyInfo::PEM_LABEL) {
        return decrypted(path, &shown, password);
    }
    // OpenSSL's old way, which derives the key by one round of MD5.
    if shown.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(bad(
            path,
            "it is encrypted in OpenSSL's old form: convert it by openssl pkcs8 -topk8",
        ));
    }
    // The error's own text could quote what is in the file.
    PrivateKeyDer::from_pem_slice(&text).map_err(|_| {
        bad(
            path,
            "it has no private key in PEM (BEGIN PRIVATE KEY, RSA PRIVATE KEY or EC PRIVATE KEY)",
        )
    })
}

fn decrypted(
    path: &Path,
    text: &str,
    password: Option<&Secret>,
) -> Result<PrivateKeyDer<'static>, BadFile> {
    let password = password.ok_or_else(|| bad(path, "it is encrypted: set ssl.key.password"))?;
    let unreadable = || bad(path, "its encrypted key is no valid PEM");
    let section = section(text, EncryptedPrivateKeyInfo::PEM_LABEL).ok_or_else(unreadable)?;
    let (_, document) = Document::from_pem(section).map_err(|_| unreadable())?;
    let encrypted =
        EncryptedPrivateKeyInfo::from_der(document.as_bytes()).map_err(|_| unreadable())?;
    let key = encrypted.decrypt(password.expose()).map_err(|_| {
        bad(
            path,
            "its key cannot be decrypted: check ssl.key.password (and that it was encrypted by PBES2, as openssl pkcs8 -topk8 does)",
        )
    })?;
    Ok(PrivatePkcs8KeyDer::from(key.as_bytes().to_vec()).into())
}

/// One section of a PEM file, which may have certificates beside the key.
fn section<'a>(text: &'a str, label: &str) -> Option<&'a str> {
    let (begin, end) = (
        format!("-----BEGIN {label}-----"),
        format!("-----END {label}-----"),
    );
    let from = text.find(&begin)?;
    let to = from + text[from..].find(&end)? + end.len();
    Some(&text[from..to])
}

fn read(path: &Path) -> Result<Vec<u8>, BadFile> {
    let mut text = Vec::new();
    fs::File::open(path)
        .and_then(|open| open.take(MAX_PEM_BYTES + 1).read_to_end(&mut text))
        .and_then(|_| match text.len() as u64 > MAX_PEM_BYTES {
            true => Err(io::Error::other(format!(
                "it is larger than {MAX_PEM_BYTES} bytes"
            ))),
            false => Ok(text),
        })
        .map_err(|error| bad(path, &format!("it cannot be read: {error}")))
}

pub(super) fn bad(path: &Path, what: &str) -> BadFile {
    BadFile {
        path: path.to_owned(),
        what: what.to_owned(),
    }
}
