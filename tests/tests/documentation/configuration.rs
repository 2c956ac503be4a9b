//! `engine config`: the sample can be used, and what is wrong with a file is said in
//! words, with the key and the way out.

use crate::support::{consumer_only, with_api_token};
use integration_tests::engine::{Ran, engine, plugin_directory, run};
use integration_tests::sandbox::GitSandbox;
use mock_bitbucket::MockBitbucket;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use tempfile::TempDir;

/// `engine config check` of this text, in a folder with these files, for their owner only.
fn check(text: &str, files: &[(&str, u32)], arguments: &[&str]) -> Ran {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: &str, mode: u32| {
        let file = folder.path().join(name);
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        file
    };
    for (name, mode) in files {
        write(name, "s3cret-of-the-file", *mode);
    }
    let config = write("config.toml", text, 0o600);
    run(engine()
        .args(["config", "check", "--config"])
        .arg(config)
        .args(arguments)
        .env("ENGINE_PLUGIN_DIR", plugin_directory()))
}

const SERVER: &str = "[vcs.servers.bitbucketcloud.bitbucketcloud]\n";
const PUBLIC: &str =
    "[api]\nurl = \"https://ci.example.com/api\"\nuiUrl = \"https://ci.example.com\"\n";

/// The lines of a result.
fn lines<'a>(ran: &'a Ran, result: &str) -> Vec<&'a str> {
    let lines = ran.stdout.lines();
    lines.filter(|line| line.starts_with(result)).collect()
}

#[test]
fn the_sample_passes_its_own_check_and_names_the_callback() {
    let sample = run(engine().args(["config", "sample"]));
    assert_eq!(sample.code, Some(0), "{sample:?}");
    let checked = check(
        &sample.stdout,
        &[("bitbucket.secret", 0o600)],
        &["--offline"],
    );
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert_eq!(
        lines(&checked, "warning"),
        Vec::<&str>::new(),
        "{checked:?}"
    );
    let callback = "https://ci.example.com/cdsapi/repositories_manager/oauth2/callback";
    let hook = "https://ci.example.com/api/webhook/ID";
    for address in [callback, hook] {
        assert!(checked.stdout.contains(address), "{checked:?}");
    }
    let document = check(
        &sample.stdout,
        &[("bitbucket.secret", 0o600)],
        &["--offline", "--json"],
    );
    assert_eq!(document.success()["ok"], true);
}

#[test]
fn addresses_that_bitbucket_does_not_accept_are_warned_about() {
    for (api, subjects, words) in [
        (
            "url = \"http://ci.example.com\"",
            &["api.url", "api.uiUrl", "consent callback"][..],
            "plain HTTP",
        ),
        (
            "url = \"https://127.0.0.1:8081\"",
            &["api.url", "api.uiUrl"],
            "inside a network",
        ),
        (
            "url = \"https://ci.example.com\"\nuiUrl = \"https://127.0.0.1\"",
            &["api.uiUrl"],
            "build statuses link to it",
        ),
        (
            "url = \"https://build/api\"",
            &["api.url", "vcs.servers.bitbucketcloud"],
            "without a dot",
        ),
    ] {
        let checked = check(&format!("[api]\n{api}\n{SERVER}"), &[], &["--offline"]);
        assert_eq!(checked.code, Some(0), "{checked:?}");
        let warnings = lines(&checked, "warning");
        for subject in subjects {
            let said = warnings
                .iter()
                .any(|line| line.contains(&format!("{subject}: ")) && line.contains(words));
            assert!(said, "{subject}, {words}: {checked:?}");
        }
    }
}

/// The engine starts with each of these, and no call would succeed.
#[test]
fn half_a_consumer_and_no_credential_at_all_are_warned_about() {
    for (keys, words) in [
        (
            "clientId = \"XXXX\"\n",
            "clientSecret: it is missing beside clientId",
        ),
        ("", "neither a credential nor a whole OAuth consumer"),
    ] {
        let checked = check(&format!("{PUBLIC}{SERVER}{keys}"), &[], &[]);
        assert_eq!(checked.code, Some(0), "{checked:?}");
        let warnings = lines(&checked, "warning");
        assert!(
            warnings.iter().any(|line| line.contains(words)),
            "{words}: {checked:?}"
        );
    }
}

#[test]
fn a_secret_that_others_can_read_is_warned_about_and_a_missing_one_is_an_error() {
    let text =
        format!("{PUBLIC}{SERVER}clientId = \"XXXX\"\nclientSecret = {{ file = \"it.secret\" }}\n");
    let readable = check(&text, &[("it.secret", 0o644)], &["--offline"]);
    assert_eq!(readable.code, Some(0), "{readable:?}");
    let warnings = lines(&readable, "warning");
    assert!(
        warnings.len() == 1 && warnings[0].contains("it.secret: others can read this file"),
        "{readable:?}"
    );
    assert!(
        !format!("{readable:?}").contains("s3cret-of"),
        "{readable:?}"
    );
    let private = check(&text, &[("it.secret", 0o600)], &["--offline"]);
    assert_eq!(
        lines(&private, "warning"),
        Vec::<&str>::new(),
        "{private:?}"
    );
    let missing = check(&text, &[], &["--offline"]);
    assert_eq!(missing.code, Some(42), "{missing:?}");
    assert!(
        missing.stderr.contains("clientSecret: the file"),
        "{missing:?}"
    );
}

#[test]
fn what_is_written_wrongly_names_file_line_key_and_the_way_out() {
    for (keys, words) in [
        (
            "disableWebHooks = \"s3cret\"\n",
            &["config.toml:5: ", "`disableWebHooks`", "expected a boolean"][..],
        ),
        (
            "clientId = 's3cret'\nworkspaces = 's3cret'\n",
            &["config.toml:6: ", "`workspaces`", "expected a sequence"],
        ),
        (
            "url = \"https://bitbucket.org\"\n",
            &["config.toml:5: ", "`url`", "remove it"],
        ),
        (
            "username = \"ci\"\n",
            &["`username`", "`email` in the table [auth]"],
        ),
        (
            "token = \"s3cret\"\n",
            &["`token`", "belongs into the table [auth]"],
        ),
    ] {
        let checked = check(&format!("{PUBLIC}{SERVER}{keys}"), &[], &["--offline"]);
        assert_eq!(checked.code, Some(42), "{checked:?}");
        for word in words {
            assert!(checked.stderr.contains(word), "{word}: {checked:?}");
        }
        assert!(!checked.stderr.contains("s3cret"), "{checked:?}");
    }
    let beside = check(
        "[vcs.servers.cloud]\nurl = \"https://bitbucket.org\"\n[vcs.servers.cloud.bitbucketcloud]\n",
        &[],
        &[],
    );
    assert_eq!(beside.code, Some(42), "{beside:?}");
    assert!(
        beside.stderr.contains("`vcs.servers.cloud.url`") && beside.stderr.contains("remove it"),
        "{beside:?}"
    );
}

#[test]
fn the_check_connects_and_says_as_whom() {
    let git = GitSandbox::small();
    let mock = MockBitbucket::builder()
        .repo("acme/widget", git.path())
        .start()
        .unwrap();
    let consumer = consumer_only(&mock, 0, "engine.sqlite");
    let checked = check(&consumer, &[], &[]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(
        checked
            .stdout
            .contains("as the OAuth consumer itself, connected"),
        "{checked:?}"
    );
    let token = with_api_token(&consumer, &mock);
    let checked = check(&token, &[], &[]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(checked.stdout.contains("connected as "), "{checked:?}");
    // A token that was revoked is an error, and that of an address that is only odd is not.
    assert!(mock.revoke_token(&mock.api_token().token));
    let checked = check(&token, &[], &[]);
    assert_eq!(checked.code, Some(43), "{checked:?}");
    assert_eq!(lines(&checked, "error").len(), 1, "{checked:?}");
}
