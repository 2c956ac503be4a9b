//! What the engine and its loader read from files and callers: configurations,
//! manifests, cursors, tokens. The short form of the targets in `fuzz/`, for every run.

use crate::support::{ends_well, runner, service, soon};
use integration_tests::bitbucket::REPO;
use proptest::prelude::*;
use std::path::Path;
use vcs_engine::config::EngineConfig;
use vcs_engine::tokens::is_well_formed;
use vcs_plugin_host::loader::Manifest;
use vcs_provider_interface::prelude::*;

const CONFIGURATION: &str = "[api]\nurl = \"https://ci.example.com/api\"\nlisten = \"127.0.0.1:8081\"\n\
    [vcs]\npollIntervalSeconds = 900\n[vcs.servers.bb.bitbucketcloud]\nclientSecret = \"planted-s3cret\"\n\
    [vcs.servers.bb.bitbucketcloud.Status]\ndisable = false\n[store]\npath = \"engine.sqlite\"\n";

const MANIFEST: &str = "name = \"libvcs.so\"\nprovider_type = \"x\"\ninterface_version = \"1.0.0\"\nsha256 = \"00\"\nsize = 1\n";

/// A text with a few places changed.
fn mutated(text: &'static str) -> impl Strategy<Value = String> {
    let change = (any::<proptest::sample::Index>(), 0..4u8, any::<char>());
    proptest::collection::vec(change, 0..8).prop_map(move |changes| {
        let mut letters: Vec<char> = text.chars().collect();
        for (place, kind, letter) in changes {
            if letters.is_empty() {
                break;
            }
            let at = place.index(letters.len());
            match kind {
                0 => letters[at] = letter,
                1 => letters.insert(at, letter),
                2 => {
                    letters.remove(at);
                }
                _ => letters.truncate(at),
            }
        }
        letters.into_iter().collect()
    })
}

#[test]
fn any_configuration_of_the_engine_is_read_or_rejected_without_a_secret() {
    let texts = prop_oneof![mutated(CONFIGURATION), any::<String>()];
    runner(2048)
        .run(&texts, |text| {
            let result = ends_well(|| Ok(EngineConfig::parse(Path::new("c.toml"), &text)))?;
            if let Ok(Err(error)) = result {
                let said = error.to_string();
                prop_assert!(said.starts_with("c.toml"), "{}", said);
                prop_assert!(!said.contains("planted-s3cret"), "{}", said);
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn any_manifest_is_read_or_rejected() {
    let texts = prop_oneof![mutated(MANIFEST), any::<String>()];
    runner(2048)
        .run(&texts, |text| {
            ends_well(|| Ok(toml::from_str::<Manifest>(&text).is_ok()))?.ok();
            Ok(())
        })
        .unwrap();
}

#[test]
fn any_cursor_is_used_or_rejected() {
    let bitbucket = service();
    let client = bitbucket
        .server
        .authorized_client(Credential::configured())
        .unwrap();
    runner(128)
        .run(&any::<String>(), |cursor| {
            let request = PollEventsRequest {
                repo: REPO.to_owned(),
                cursor: Some(cursor),
                ..PollEventsRequest::default()
            };
            let result = ends_well(|| client.poll_events(&soon(), request))?;
            if let Err(error) = result {
                prop_assert_ne!(error.kind, ErrorKind::INTERNAL, "{}", error);
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn any_text_is_a_token_or_is_not() {
    runner(2048)
        .run(&any::<String>(), |text| {
            prop_assert_eq!(is_well_formed(&text), false);
            Ok(())
        })
        .unwrap();
}
