use super::*;

const WHOLE: &str = r#"
[api]
url = "https://ci.example.com/api/"
listen = "127.0.0.1:1"
development = true
tokenFile = "api.token"

[vcs]
listen = "[::1]:2"
pollIntervalSeconds = 7

[vcs.servers]
    [vcs.servers.cloud]
      [vcs.servers.cloud.bitbucketcloud]
        clientId = "client"
        clientSecret = "hunter2"
        [vcs.servers.cloud.bitbucketcloud.Status]
          disable = false

[plugins]
directory = "plugins"

[store]
path = "/var/lib/engine.sqlite"
keyEnv = "STORE_KEY"
"#;

fn parse(text: &str) -> Result<EngineConfig, ConfigError> {
    EngineConfig::parse(Path::new("etc/config.toml"), text)
}

fn message_of(text: &str) -> String {
    match parse(text) {
        Ok(_) => panic!("accepted: {text}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_whole_file_is_read() {
    let config = parse(WHOLE).unwrap();
    assert_eq!(config.api.url, "https://ci.example.com/api");
    assert_eq!(config.api.ui_url, config.api.url);
    assert_eq!(config.vcs.listen.port(), 2);
    assert_eq!(config.vcs.poll_interval, Duration::from_secs(7));
    assert_eq!(
        config.api.token,
        Some(KeySource::File(PathBuf::from("etc/api.token")))
    );
    assert_eq!(
        config.plugins.directory.as_deref(),
        Some(Path::new("etc/plugins"))
    );
    assert_eq!(
        config.store.key,
        Some(KeySource::Environment("STORE_KEY".to_owned()))
    );
    let server = config.server(None).unwrap();
    assert_eq!(
        (server.name.as_str(), server.provider_type.as_str()),
        ("cloud", "bitbucketcloud")
    );
    let table: toml::Table = server.toml.parse().unwrap();
    assert_eq!(table["clientSecret"].as_str(), Some("hunter2"));
    assert_eq!(table["Status"]["disable"].as_bool(), Some(false));
}

#[test]
fn a_server_s_table_is_shown_nowhere() {
    assert!(!format!("{:?}", parse(WHOLE).unwrap()).contains("hunter2"));
}

#[test]
fn an_empty_file_means_the_defaults() {
    let config = parse("").unwrap();
    assert_eq!(config.api.url, "http://127.0.0.1:8081");
    assert_eq!(config.store.path, Path::new("etc/engine.sqlite"));
    let message = config.server(None).unwrap_err().message;
    assert!(message.contains("[vcs.servers.NAME.TYPE]"), "{message}");
}

#[test]
fn two_places_for_one_secret_are_rejected() {
    let message = message_of("[store]\nkeyFile = 'a'\nkeyEnv = 'b'");
    assert!(
        message.starts_with("etc/config.toml:3: `store.keyEnv`"),
        "{message}"
    );
    let message = message_of("[api]\ntokenEnv = 'a'\ntokenFile = 'b'");
    assert!(
        message.starts_with("etc/config.toml:2: `api.tokenEnv`"),
        "{message}"
    );
    let message = message_of("[vcs]\npollIntervalSeconds = 0");
    assert!(
        message.contains("`vcs.pollIntervalSeconds`: must be"),
        "{message}"
    );
}

#[test]
fn an_unknown_key_is_named_with_file_and_line() {
    for (text, place) in [
        ("[api]\nurll = \"x\"", "etc/config.toml:2: `api.urll`"),
        ("\n[apis]\n", "etc/config.toml:2: `apis`"),
        (
            "[store]\n\nkey = 'hunter2'",
            "etc/config.toml:3: `store.key`",
        ),
    ] {
        let message = message_of(text);
        assert!(message.starts_with(place), "{message}");
        assert!(message.contains("unknown field"), "{message}");
        assert!(!message.contains("hunter2"), "{message}");
    }
}

#[test]
fn a_wrong_value_is_named_but_not_repeated() {
    let message = message_of("[api]\ndevelopment = \"hunter2\"");
    assert_eq!(
        message,
        "etc/config.toml:2: `api.development`: wrong value, expected a boolean"
    );
    let message = message_of("[api]\nurl = \"ftp://hunter2\"");
    assert!(
        message.starts_with("etc/config.toml:2: `api.url`: must begin with"),
        "{message}"
    );
    assert!(!message.contains("hunter2"), "{message}");
}

#[test]
fn a_text_that_is_no_toml_is_named_by_its_line_and_not_quoted() {
    let message = message_of("[vcs]\n[vcs.servers.a.b]\nclientSecret = \"hunter2\n");
    assert!(message.starts_with("etc/config.toml:3"), "{message}");
    assert!(!message.contains("hunter2"), "{message}");
}

#[test]
fn a_forgotten_provider_type_is_explained() {
    let message = message_of("[vcs.servers.cloud]\nclientSecret = 'hunter2'");
    assert!(
        message.starts_with("etc/config.toml:2: `vcs.servers.cloud.clientSecret`"),
        "{message}"
    );
    assert!(
        message.contains("[vcs.servers.cloud.bitbucketcloud]"),
        "{message}"
    );
    assert!(!message.contains("hunter2"), "{message}");
    assert!(message_of("[vcs.servers.cloud]").contains("is empty"));
    assert!(message_of("[vcs.servers.a.b]\n[vcs.servers.a.c]").contains("a name of its own"));
    assert!(message_of("[vcs.servers.\"a/b\".c]").contains("server's name"));
}

#[test]
fn a_key_of_cds_beside_the_provider_s_table_is_named_with_what_to_do() {
    for text in [
        "[vcs.servers.cloud]\nurl = \"https://bitbucket.org\"\n[vcs.servers.cloud.bitbucketcloud]",
        "[vcs.servers.cloud.x]\n[vcs.servers.cloud]\nurl = \"https://bitbucket.org\"",
    ] {
        let message = message_of(text);
        assert!(message.contains("`vcs.servers.cloud.url`"), "{message}");
        assert!(message.contains("remove it"), "{message}");
    }
}

#[test]
fn files_of_secrets_begin_at_the_directory_of_the_configuration() {
    let config = parse(
        "[vcs.servers.a.x]\nsecret = { file = \"a.secret\" }\nkept = { file = \"b\", more = 1 }\n\
         [vcs.servers.a.x.auth]\ntoken = { file = \"/run/token\" }",
    )
    .unwrap();
    let table: toml::Table = config.vcs.servers[0].toml.parse().unwrap();
    assert_eq!(table["secret"]["file"].as_str(), Some("etc/a.secret"));
    assert_eq!(table["kept"]["file"].as_str(), Some("b"));
    assert_eq!(table["auth"]["token"]["file"].as_str(), Some("/run/token"));
    assert_eq!(
        config.vcs.servers[0].secret_files(),
        ["/run/token", "etc/a.secret"].map(PathBuf::from)
    );
}

#[test]
fn a_server_is_picked_by_name_or_because_it_is_the_only_one() {
    let config = parse("[vcs.servers.a.x]\n[vcs.servers.b.x]").unwrap();
    assert_eq!(config.server(Some("b")).unwrap().name, "b");
    let open = config.server(None).unwrap_err();
    assert_eq!(open.kind, ErrorKind::CONFIG);
    assert!(open.message.contains("(a, b)"), "{}", open.message);
    let unknown = config.server(Some("c")).unwrap_err().message;
    assert!(
        unknown.contains("\"c\"") && unknown.contains("a, b"),
        "{unknown}"
    );
}

#[test]
fn a_provider_s_error_gets_the_line_of_the_key_it_names() {
    let config = parse(WHOLE).unwrap();
    let server = config.server(None).unwrap();
    let place = |line| format!("etc/config.toml:{line}: [vcs.servers.cloud.bitbucketcloud]: ");
    for (key, line) in [
        ("Status.disable", 18),
        ("clientSecret", 16),
        ("Status.missing", 17),
        ("elsewhere", 14),
    ] {
        let located = config.locate(server, VcsError::config(key, "no")).message;
        assert_eq!(located, format!("{}{key}: no", place(line)));
    }
    // The message is not looked into.
    let error = VcsError::new(ErrorKind::CONFIG, "Status.disable: no");
    let located = config.locate(server, error).message;
    assert_eq!(located, format!("{}Status.disable: no", place(14)));
    // The lines of the table's own text are not those of the file.
    let offset = server.toml.find("clientSecret").unwrap();
    let error = VcsError::config_text(&server.toml, offset, "wrong");
    assert_eq!(
        config.locate(server, error).message,
        format!("{}`clientSecret`: wrong", place(16))
    );
}

#[cfg(unix)]
#[test]
fn a_file_that_others_can_read_is_warned_about() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.toml");
    std::fs::write(&file, "").unwrap();
    let warnings_with_mode = |mode| {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        EngineConfig::load(&file).unwrap().warnings
    };
    assert_eq!(warnings_with_mode(0o600), Vec::<String>::new());
    let warnings = warnings_with_mode(0o644);
    assert!(warnings[0].contains("chmod 600"), "{warnings:?}");
}

#[test]
fn a_missing_file_is_named() {
    let error = EngineConfig::load(Path::new("no/such/config.toml")).unwrap_err();
    assert!(
        error.to_string().starts_with("no/such/config.toml: "),
        "{error}"
    );
}

#[test]
fn a_database_is_named_with_its_password_and_key_elsewhere() {
    let config = EngineConfig::parse(
        Path::new("/etc/engine/config.toml"),
        "[store]\nurl = \"postgres://engine@localhost/engine\"\npasswordFile = \"db\"\n\
         keyEnv = \"KEY\"\nconnections = 3\n",
    )
    .unwrap();
    let database = config.store.database.unwrap();
    assert_eq!(database.settings.connections, 3);
    assert_eq!(
        database.password,
        Some(KeySource::File("/etc/engine/db".into()))
    );
    for (store, key, way_out) in [
        (
            "url = \"postgres://localhost/engine\"",
            "store.url",
            "store.keyFile",
        ),
        (
            "url = \"postgres://u:s3cret@localhost/engine\"\nkeyEnv = \"KEY\"",
            "store.url",
            "store.passwordFile",
        ),
        (
            "url = \"postgres://localhost/engine\"\nkeyEnv = \"KEY\"\npath = \"x\"",
            "store.path",
            "keep one",
        ),
        (
            "url = \"postgres://localhost/engine\"\nkeyEnv = \"KEY\"\nconnections = 0",
            "store.connections",
            "from 1",
        ),
        ("passwordFile = \"db\"", "store.passwordFile", "store.url"),
    ] {
        let error = EngineConfig::parse(Path::new("c.toml"), &format!("[store]\n{store}\n"));
        let error = error.unwrap_err().to_string();
        assert!(error.contains(&format!("`{key}`")), "{error}");
        assert!(error.contains(way_out), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
}
