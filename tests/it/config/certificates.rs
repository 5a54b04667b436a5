//! Files of certificates and keys that can't work: told when the configuration is read, with the key and the line.

use std::fs;
use std::path::Path;

use super::security::{SASL, security};

/// Writes a certificate with its key, and one with another.
fn write_files(folder: &Path) {
    for name in ["client", "other"] {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).expect("made");
        let certificate = made.cert.pem();
        let key = made.signing_key.serialize_pem();
        fs::write(folder.join(format!("{name}.pem")), certificate).expect("written");
        fs::write(folder.join(format!("{name}.key")), key).expect("written");
    }
    fs::write(folder.join("garbage"), "hunter2\n").expect("written");
}

/// Says of these properties what is wrong; `FOLDER` is where the files are.
fn told(lines: &[&str]) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    write_files(folder.path());
    let path = folder.path().display().to_string();
    let lines: Vec<String> = lines
        .iter()
        .map(|line| line.replace("FOLDER", &path))
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    match security(&lines, &[]) {
        Ok(_) => Vec::new(),
        Err(messages) => messages
            .iter()
            .map(|m| m.replace(&path, "FOLDER"))
            .collect(),
    }
}

const SSL: &str = "security.protocol: SSL";

/// `(properties from line 4 on, beginning of what is said)`.
const CASES: &[(&[&str], &str)] = &[
    (
        &[SSL, "ssl.ca.location: FOLDER/garbage"],
        "f.yaml:5: clusters[0].kafka.ssl.ca.location: FOLDER/garbage: it has no certificate in PEM",
    ),
    (
        &[SSL, "ssl.ca.location: FOLDER/client.key"],
        "f.yaml:5: clusters[0].kafka.ssl.ca.location: FOLDER/client.key: it has no certificate in PEM",
    ),
    (
        &[SSL, "ssl.ca.location: /dev/zero"],
        "f.yaml:5: clusters[0].kafka.ssl.ca.location: /dev/zero: it cannot be read: it is larger than 4194304 bytes",
    ),
    (
        &[
            SSL,
            "ssl.certificate.location: FOLDER/garbage",
            "ssl.key.location: FOLDER/client.key",
        ],
        "f.yaml:5: clusters[0].kafka.ssl.certificate.location: FOLDER/garbage: it has no certificate in PEM",
    ),
    (
        &[
            SSL,
            "ssl.certificate.location: FOLDER/client.pem",
            "ssl.key.location: FOLDER/client.pem",
        ],
        "f.yaml:5: clusters[0].kafka.ssl.certificate.location: FOLDER/client.pem: it has no private key in PEM",
    ),
    (
        &[
            SSL,
            "ssl.certificate.location: FOLDER/client.pem",
            "ssl.key.location: FOLDER/garbage",
        ],
        "f.yaml:6: clusters[0].kafka.ssl.key.location: FOLDER/garbage: it has no private key in PEM",
    ),
    (
        &[
            SSL,
            "ssl.certificate.location: FOLDER/client.pem",
            "ssl.key.location: FOLDER/other.key",
        ],
        "f.yaml:6: clusters[0].kafka.ssl.key.location: FOLDER/other.key: it is not the key of FOLDER/client.pem",
    ),
    (
        &[
            SASL,
            "sasl.mechanism: OAUTHBEARER",
            "sasl.oauthbearer.method: oidc",
            "sasl.oauthbearer.token.endpoint.url: 'https://id.example.com/token'",
            "sasl.oauthbearer.client.id: me",
            "sasl.oauthbearer.client.secret: s",
            "https.ca.location: FOLDER/garbage",
        ],
        "f.yaml:10: clusters[0].kafka.https.ca.location: FOLDER/garbage: it has no certificate in PEM",
    ),
];

#[test]
fn a_file_that_cannot_work_is_told_with_its_key_and_without_its_content() {
    for (lines, said) in CASES {
        let told = told(lines);
        assert!(
            told.len() == 1 && told[0].starts_with(said),
            "{said}:\n{told:#?}"
        );
        assert!(!told[0].contains("hunter2"), "{}", told[0]);
    }
}

#[test]
fn a_certificate_with_its_key_is_accepted() {
    let pair = [
        SSL,
        "ssl.ca.location: FOLDER/other.pem",
        "ssl.certificate.location: FOLDER/client.pem",
        "ssl.key.location: FOLDER/client.key",
    ];
    assert_eq!(told(&pair), Vec::<String>::new());
}
