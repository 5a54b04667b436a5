//! `docs/lagslope.example.yaml`: the defaults that it shows are the real ones. That it has every key is tested beside the keys.

use std::fs;
use std::path::Path;

use super::load;

#[test]
fn the_defaults_it_shows_are_the_real_ones() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/lagslope.example.yaml");
    let example = fs::read_to_string(path).expect("it is there");
    let least = load(&example, &[]).unwrap();
    let mut shown = load(all_settings(&example), &[]).unwrap();
    assert_eq!(shown.ceilings.len(), 1, "examples of what has no default");
    shown.ceilings.clear();
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
