//! Files that the `kafka` block names: secrets are read at start, certificates and keys are tried, so that a wrong path or a file
//! that can't work is told with its key and line and not by a failing connection.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use crate::kafka::Secret;
use crate::kafka::security::Tls;

/// Far more than any password or token; a larger file is some other file.
const MAX_SECRET_BYTES: u64 = 64 << 10;

/// What a secret's file says, without the newline that editors and `kubectl` leave at its end.
pub(super) fn read(file: &Path) -> Result<Secret, String> {
    let mut bytes = Vec::new();
    fs::File::open(file)
        .and_then(|open| open.take(MAX_SECRET_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| unreadable(file, &error))?;
    if bytes.len() as u64 > MAX_SECRET_BYTES {
        return Err(format!(
            "{}: larger than {MAX_SECRET_BYTES} bytes: this is no secret",
            file.display()
        ));
    }
    // The error of `from_utf8` holds the bytes: it goes no further.
    let text = String::from_utf8(bytes)
        .map_err(|_| format!("{}: what it holds is not UTF-8", file.display()))?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err(format!("{}: it is empty", file.display()));
    }
    Ok(Secret::new(text.to_owned()))
}

/// Says why a file cannot be read, if it can't.
pub(super) fn look(file: &Path) -> Result<(), String> {
    let mut first = [0];
    fs::File::open(file)
        .and_then(|mut open| open.read(&mut first))
        .map(|_| ())
        .map_err(|error| unreadable(file, &error))
}

/// Reads certificates and keys as each connection will, or says of which property the file is of no use, and why. Nothing of them
/// is kept: they are renewed while we run.
pub(super) fn prove(tls: &Tls) -> Result<(), (&'static str, String)> {
    tls.check().map_err(|bad| {
        let certificate = tls.identity.as_ref().map(|identity| &identity.certificate);
        let property = match Some(&bad.path) {
            path if path == tls.ca.as_ref() => "ssl.ca.location",
            path if path == certificate => "ssl.certificate.location",
            _ => "ssl.key.location",
        };
        (property, bad.to_string())
    })
}

/// The same for authorities alone, of whatever connection.
pub(super) fn prove_authorities(file: &Path) -> Result<(), String> {
    let authorities = Tls {
        ca: Some(file.to_owned()),
        identity: None,
        verify_certificate: true,
        verify_host_name: true,
    };
    authorities.check().map_err(|bad| bad.to_string())
}

fn unreadable(file: &Path, error: &io::Error) -> String {
    format!("{}: cannot be read: {error}", file.display())
}
