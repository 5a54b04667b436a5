//! The pages that people copy from. `docs/lagslope.example.yaml`: the defaults that it shows are the real ones. That it has every key is tested beside the keys.

use std::fs;
use std::path::Path;

use super::load;

#[test]
fn the_defaults_it_shows_are_the_real_ones() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/lagslope.example.yaml");
    let example = fs::read_to_string(path).expect("it is there");
    let least = load(&example, &[]).unwrap();
    let mut shown = load(all_settings(&example), &[]).unwrap();
    assert_eq!(
        (shown.ceilings.len(), shown.overrides.len()),
        (1, 1),
        "examples of what has no default"
    );
    shown.ceilings.clear();
    shown.overrides.clear();
    assert_eq!(format!("{shown:#?}"), format!("{least:#?}"));
}

/// Takes away the `#` in front of settings; prose has one space after it.
fn all_settings(example: &str) -> String {
    let uncomment = |line: &str| match line.strip_prefix('#') {
        Some(rest) if rest.starts_with("  ") || !rest.starts_with(' ') => format!("{rest}\n"),
        _ => format!("{line}\n"),
    };
    example.lines().map(uncomment).collect()
}

/// With its files in a folder of the test.
#[test]
fn each_way_of_signing_in_on_the_page_is_accepted() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/security.md");
    let page = fs::read_to_string(path).expect("it is there");
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path().display().to_string();
    let made = rcgen::generate_simple_self_signed(vec!["lagslope".to_owned()]).expect("made");
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    for (name, text) in [
        ("ca.pem", certificate.as_str()),
        ("client.pem", &certificate),
        ("client.key", &key),
        ("client.key.password", "x"),
        ("password", "x"),
        ("client-secret", "x"),
    ] {
        fs::write(folder.path().join(name), text).expect("written");
    }
    let blocks = page.split("```yaml\n").skip(1);
    let blocks: Vec<&str> = blocks
        .filter_map(|rest| Some(rest.split_once("```")?.0))
        .collect();
    assert_eq!(blocks.len(), 6, "TLS twice, SASL four times");
    for block in blocks {
        if block.contains("GSSAPI") && cfg!(not(feature = "gssapi")) {
            let told = load(block, &[]).unwrap_err().join("\n");
            assert!(told.contains("feature `gssapi`"), "{told}");
            continue;
        }
        let settings = load(block.replace("/etc/lagslope", &here), &[]);
        let settings = settings.unwrap_or_else(|told| panic!("{block}\n{told:?}"));
        let security = &settings.clusters[0].kafka.security;
        assert!(security.tls.is_some(), "{block}");
    }
}
