//! The sample of a reverse proxy, started before a real engine.

use crate::top;
use integration_tests::engine_process::EngineHome;
use mock_bitbucket::MockBitbucket;
use rcgen::generate_simple_self_signed;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

struct Proxy(Child);

impl Drop for Proxy {
    fn drop(&mut self) {
        // One that has ended already needs no end.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A whole configuration of nginx around the sample, with everything in one folder.
fn configuration(folder: &Path, port: u16, engine: &str) -> String {
    let sample = std::fs::read_to_string(top().join("packaging/proxy/nginx.conf")).unwrap();
    let sample = sample
        .replace("listen 443 ssl", &format!("listen 127.0.0.1:{port} ssl"))
        .replace("/etc/engine/tls", &folder.display().to_string())
        .replace("http://127.0.0.1:8081", engine);
    let at = folder.display();
    format!(
        "daemon off;\nmaster_process off;\npid {at}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n\
         access_log off;\nclient_body_temp_path {at}/body;\nproxy_temp_path {at}/proxy;\n\
         fastcgi_temp_path {at}/f;\nuwsgi_temp_path {at}/u;\nscgi_temp_path {at}/s;\n{sample}}}\n"
    )
}

#[test]
#[ignore = "needs nginx; cargo xtask test runs it where it is there"]
fn webhooks_callbacks_and_pages_reach_the_engine_through_nginx() {
    let mock = MockBitbucket::builder().start().unwrap();
    let home = EngineHome::public(&mock, "");
    let engine = home.start();
    let folder = tempfile::tempdir().unwrap();
    let certificate = generate_simple_self_signed(["ci.example.com".to_owned()]).unwrap();
    let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
    write("fullchain.pem", certificate.cert.pem());
    write("privkey.pem", certificate.signing_key.serialize_pem());
    let port = crate::support::free_port();
    let upstream = engine.api("");
    write("nginx.conf", configuration(folder.path(), port, &upstream));
    let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
    let started = Command::new("nginx")
        .arg("-p")
        .arg(folder.path())
        .arg("-c")
        .arg(folder.path().join("nginx.conf"))
        .env("PATH", path)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut proxy = Proxy(started.unwrap());
    let deadline = Instant::now() + Duration::from_secs(30);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(proxy.0.try_wait().unwrap().is_none(), "nginx has ended");
        assert!(Instant::now() < deadline, "nginx does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .tls_config(
            ureq::tls::TlsConfig::builder()
                .disable_verification(true)
                .build(),
        )
        .build()
        .into();
    let at = |path: &str| format!("https://127.0.0.1:{port}{path}");
    let status = |path: &str| agent.get(at(path)).call().unwrap().status().as_u16();
    assert_eq!(status("/api/mon/live"), 200);
    assert_eq!(status("/mon/live"), 200);
    // Without a state: the engine's own word, not the proxy's.
    assert_eq!(status("/cdsapi/repositories_manager/oauth2/callback"), 400);
    let delivery = |body: &[u8]| agent.post(at("/api/webhook/none")).send(body).unwrap();
    assert_eq!(delivery(b"{}").status().as_u16(), 404);
    // As large as Bitbucket's largest, and far beyond.
    assert_eq!(delivery(&vec![b' '; 256 * 1024]).status().as_u16(), 404);
    assert_eq!(
        delivery(&vec![b' '; 2 * 1024 * 1024]).status().as_u16(),
        413
    );
}
