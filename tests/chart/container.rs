//! The Containerfile: linted, and what it copies is what the build needs. No engine builds it here.

use std::fs;

use crate::tools::{root, tool};

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// What an instruction says, each time it stands in the file.
fn said(instruction: &str) -> Vec<String> {
    let file = read("Containerfile").replace("\\\n", " ");
    let lines = file.lines().filter_map(|line| line.strip_prefix(instruction)?.strip_prefix(' '));
    lines.map(|rest| rest.trim().to_owned()).collect()
}

#[test]
fn hadolint_finds_nothing() {
    tool("hadolint", &["--failure-threshold", "style", "Containerfile"], "").expect_content("it");
}

#[test]
fn it_runs_the_service_as_nobody_in_particular() {
    let user = said("USER").pop().unwrap();
    let numbers: Vec<u32> = user.split(':').map(|id| id.parse().unwrap()).collect();
    assert!(numbers.len() == 2 && numbers.iter().all(|id| *id > 0), "{user}");
    let values = read("helm/surety/values.yaml");
    assert!(values.contains(&format!("runAsUser: {}\n", numbers[0])), "the chart has another user");
    assert_eq!(said("ENTRYPOINT"), [r#"["surety"]"#]);
    assert_eq!(said("CMD"), [r#"["serve"]"#]);
    assert_eq!(said("EXPOSE"), ["50051 9090"]);
    assert_eq!(said("STOPSIGNAL"), ["SIGTERM"]);
    let health = said("HEALTHCHECK").remove(0);
    assert!(health.ends_with(r#"CMD ["surety", "health"]"#), "{health}");
}

#[test]
fn every_image_is_of_a_version() {
    let images = said("FROM");
    assert_eq!(images.len(), 2, "{images:?}");
    for image in images {
        let tag = image.split_whitespace().next().unwrap().rsplit_once(':').unwrap().1;
        assert!(!tag.contains("latest"), "{image}");
    }
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let least = manifest["package"]["rust-version"].as_str().unwrap();
    let version = |text: &str| -> Vec<u32> {
        text.split(['.', '-']).map_while(|part| part.parse().ok()).collect()
    };
    let image = said("FROM").remove(0);
    let tag = image.split_once(':').unwrap().1;
    assert!(version(tag) >= version(least), "{tag} is older than Rust {least}");
}

#[test]
fn the_build_gets_what_it_needs_and_nothing_else() {
    let copied: Vec<String> = said("COPY")
        .iter()
        .filter(|copy| !copy.starts_with("--from"))
        .flat_map(|copy| {
            let words: Vec<String> = copy.split_whitespace().map(str::to_owned).collect();
            words[..words.len() - 1].to_vec()
        })
        .collect();
    for path in &copied {
        assert!(root().join(path).exists(), "{path} is copied and not there");
    }
    let ignore = read(".containerignore");
    let let_through: Vec<&str> = ignore.lines().filter_map(|line| line.strip_prefix('!')).collect();
    assert_eq!(let_through, copied, "the context is not what is copied");
    assert!(ignore.lines().any(|line| line == "*"), "everything else is sent");
    // The manifest names benches, so cargo wants them to be there.
    for needed in ["Cargo.toml", "Cargo.lock", "build.rs", "src", "proto", "models", "benches"] {
        assert!(copied.iter().any(|path| path == needed), "{needed} is not copied");
    }
}

#[test]
fn the_build_takes_the_locked_versions() {
    assert!(said("RUN")[0].contains("cargo build --locked --release"));
}
