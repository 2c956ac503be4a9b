use super::*;

fn rejection(text: &str) -> String {
    let error = match Config::parse(text) {
        Ok(_) => panic!("{text} is accepted"),
        Err(error) => error,
    };
    assert_eq!(error.kind, ErrorKind::CONFIG);
    error.message
}

fn accepted(text: &str) -> Config {
    match Config::parse(text) {
        Ok(config) => config,
        Err(error) => panic!("{text}: {error}"),
    }
}

#[test]
fn the_administrators_example_is_accepted() {
    let config = accepted(
        r#"
        clientId = "XXXX"
        clientSecret = "XXXX"
        disableWebHooks = false
        disableWebHooksCreation = false
        #proxyWebhook = "https://myproxy.com/"
        [Status]
          disable = false
          showDetail = false
        "#,
    );
    assert_eq!(config.client_id.as_deref(), Some("XXXX"));
    assert_eq!(config.api_url, "https://api.bitbucket.org/2.0");
    assert!(!config.status_details_hidden && !config.statuses_disabled);
    assert_eq!(config.limits.parallel, 8);
}

#[test]
fn an_empty_table_is_a_server_without_credentials() {
    let config = accepted("");
    assert!(config.credential.is_none() && config.client_id.is_none());
}

#[test]
fn an_unknown_key_is_named() {
    for (text, key) in [
        ("clientID = 'x'", "clientID"),
        ("[Status]\nshow = true", "show"),
        ("[auth]\npassword = 'x'", "password"),
    ] {
        let message = rejection(text);
        assert!(message.contains(key), "{message}");
    }
}

#[test]
fn a_key_of_cds_for_other_services_is_named_with_what_to_do() {
    for (text, key, way) in [
        ("url = 'https://bitbucket.org'", "`url`", "remove it"),
        ("username = 'ci'", "`username`", "`email`"),
        ("token = 's88442211'", "`token`", "[auth]"),
        ("password = 's88442211'", "`password`", "API token"),
    ] {
        let message = rejection(text);
        assert!(message.contains(key) && message.contains(way), "{message}");
        assert!(!message.contains("88442211"), "{message}");
    }
}

#[test]
fn no_message_repeats_a_secret() {
    for text in [
        "clientId = 'a'\nclientSecret = 88442211",
        "[auth]\nemail = 'a@b.c'\ntoken = ['s88442211']",
        "[auth]\nemail = 'a@b.c'\ntoken = { inline = 's88442211' }",
        "[auth]\naccessToken = 'ATAT88442211'",
        "[auth]\naccessToken = 'ATBB88442211'",
        "proxy = '::::88442211'",
        "disableWebHooks = 's88442211'",
        "clientSecret = s88442211",
        "workspaces = 's88442211'",
    ] {
        let message = rejection(text);
        assert!(!message.contains("88442211"), "{message}");
    }
}

#[test]
fn secrets_come_from_the_environment_or_a_file_too() {
    let path = std::env::temp_dir().join(format!("vcs-secret-{}", std::process::id()));
    std::fs::write(&path, "ATCTfromfile\n").expect("the file can be written");
    let config = accepted(&format!(
        "[auth]\naccessToken = {{ file = {:?} }}",
        path.to_string_lossy()
    ));
    std::fs::remove_file(&path).expect("the file can be removed");
    match config.credential {
        Some(ConfiguredCredential::AccessToken(token)) => {
            assert_eq!(token.expose(), "ATCTfromfile");
        }
        _ => panic!("the access token was not read"),
    }

    let config = accepted("clientId = 'a'\nclientSecret = { env = 'PATH' }");
    assert!(
        config
            .client_secret
            .is_some_and(|secret| !secret.is_empty())
    );
    let message = rejection("clientId = 'a'\nclientSecret = { env = 'NO_SUCH_VARIABLE_HERE' }");
    assert!(message.contains("clientSecret") && message.contains("NO_SUCH_VARIABLE_HERE"));
}

#[test]
fn unencrypted_http_is_for_this_machine_only() {
    assert_eq!(
        accepted("apiUrl = 'http://127.0.0.1:8080/2.0/'").api_url,
        "http://127.0.0.1:8080/2.0"
    );
    for text in [
        "apiUrl = 'http://bitbucket.example/2.0'",
        "apiUrl = 'bitbucket.example'",
        "apiUrl = 'https://me:pw@bitbucket.example'",
        "apiUrl = 'https://bitbucket.example/2.0?x=1'",
        "oauthUrl = 'http://bitbucket.example'",
    ] {
        rejection(text);
    }
}

#[test]
fn details_are_hidden_by_either_name_and_a_contradiction_is_rejected() {
    assert!(accepted("[Status]\nshowDetail = true").status_details_hidden);
    assert!(accepted("disableStatusDetails = true").status_details_hidden);
    assert!(accepted("[Status]\ndisableStatusDetails = true").status_details_hidden);
    assert!(!accepted("[Status]\nshowDetail = false").status_details_hidden);
    let message = rejection("disableStatusDetails = true\n[Status]\nshowDetail = false");
    assert!(message.contains("showDetail"), "{message}");
}

/// Situation `app-passwords`.
#[test]
fn tokens_are_recognised_and_sent_to_their_place() {
    let message = rejection("[auth]\naccessToken = 'ATATxyz'");
    assert!(message.contains("e-mail"), "{message}");
    let message = rejection("[auth]\nemail = 'a@b.c'\ntoken = 'ATBBxyz'");
    assert!(message.contains("app password"), "{message}");
    assert!(rejection("[auth]\ntoken = 'ATATxyz'").contains("auth.email"));
    assert!(rejection("[auth]\nemail = 'a@b.c'").contains("auth.token"));
    assert!(rejection("[auth]\nemail = 'a'\ntoken = 'b'\naccessToken = 'c'").contains("alone"));
    assert!(
        accepted("[auth]\nemail = 'a@b.c'\ntoken = 'ATATxyz'")
            .credential
            .is_some()
    );
}

#[test]
fn numbers_have_ranges() {
    assert!(rejection("maxParallelRequests = 0").contains("maxParallelRequests"));
    assert!(rejection("requestTimeoutSeconds = 0").contains("requestTimeoutSeconds"));
    assert_eq!(accepted("maxParallelRequests = 8").limits.parallel, 8);
}

#[test]
fn a_missing_or_wrong_certificate_file_is_an_error() {
    assert!(rejection("caFile = '/nonexistent/ca.pem'").contains("caFile"));
    assert!(rejection("caFile = 'Cargo.toml'").contains("caFile"));
}
