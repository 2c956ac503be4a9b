//! What the pages' worlds are made of.

use crate::blocks::blocks;
use crate::shell::World;
use crate::top;
use integration_tests::bitbucket::pinned_copy;
use integration_tests::{built_library, built_program};
use mock_bitbucket::MockBitbucket;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The repository that pages speak of.
pub(crate) const REPO: &str = "my-workspace/my-repository";

/// Follows a page in its world.
pub(crate) fn follow(page: &str, world: &World) {
    let text = fs::read_to_string(top().join(page)).unwrap();
    let blocks = blocks(&text).unwrap_or_else(|(line, fault)| panic!("{page}:{line}: {fault}"));
    let run = blocks.iter().filter(|block| block.reason.is_none());
    assert!(run.count() > 0, "{page}: nothing is run");
    world.follow(page, &blocks);
}

/// The directory of the built `engine`.
pub(crate) fn bin() -> PathBuf {
    built_program("engine").parent().unwrap().to_owned()
}

/// The built plugin with its manifest.
pub(crate) fn plugin() -> PathBuf {
    pinned_copy(&built_library("vcs-bitbucketcloud"))
}

/// A port that nobody listens on, for pages whose addresses name one. The engine is
/// given it a moment later, and says so if somebody else was quicker.
pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Where the service sends browsers back to, for an engine in development mode.
pub(crate) fn callback(port: u16) -> String {
    format!("http://127.0.0.1:{port}/repositories_manager/oauth2/callback")
}

/// The configuration of an engine whose only credential is the OAuth consumer.
pub(crate) fn consumer_only(mock: &MockBitbucket, port: u16, store: &str) -> String {
    let consumer = mock.oauth_consumer();
    format!(
        "[api]\nlisten = \"127.0.0.1:{port}\"\ndevelopment = true\n\
         uiUrl = \"https://ci.example.com\"\n[vcs]\nlisten = \"127.0.0.1:0\"\n\
         [store]\npath = {store:?}\n\
         [vcs.servers.bitbucketcloud.bitbucketcloud]\n\
         clientId = {:?}\nclientSecret = {:?}\n\
         apiUrl = {:?}\noauthUrl = {:?}\nwebUrl = {:?}\n",
        consumer.id,
        consumer.secret.expose(),
        mock.api_url(),
        mock.oauth_url(),
        mock.web_url(),
    )
}

/// The same with an API token.
pub(crate) fn with_api_token(config: &str, mock: &MockBitbucket) -> String {
    let token = mock.api_token();
    format!(
        "{config}auth = {{ email = {:?}, token = {:?} }}\n",
        token.email,
        token.token.expose()
    )
}

/// What a person does in the browser: opens the address that was printed, consents, and
/// is sent back to the engine.
pub(crate) const CONSENT: &str = r#"
__consent=$(sed -n 's/.*"url": *"\([^"]*\)".*/\1/p' "$OUTPUT")
__back=$(curl -fsS -o "$OUTPUT" -w '%{redirect_url}' --data action=allow "$__consent")
curl -fsS -o "$OUTPUT" "$__back""#;

/// The tarball of `cargo xtask dist`, with the programs of this build; made once per
/// process.
pub(crate) fn dist() -> &'static Path {
    static DIST: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, out) = DIST.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("dist");
        let made = Command::new(built_program("xtask"))
            .args(["dist", "--engine"])
            .arg(built_program("engine"))
            .arg("--plugin")
            .arg(plugin())
            .arg("--out")
            .arg(&out)
            .env("CARGO_MANIFEST_DIR", top().join("xtask"))
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        (folder, out)
    });
    out
}

/// The name of the tarball and of the folder in it.
pub(crate) fn dist_name() -> String {
    format!(
        "engine-{}-{}-linux",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::ARCH
    )
}
