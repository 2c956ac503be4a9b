//! Files, directories and archives of a commit, and downloads.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use serde_json::Value;

use super::support::{As, Client, Sandbox, mock_with};
use crate::{ArchiveBearer, Behaviour, MockBitbucket};

const APP: &str = "/repositories/team/app";

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.write("a.txt", "hello\n");
    sandbox.write("run.sh", "#!/bin/sh\n");
    let script = sandbox.path().join("run.sh");
    std::fs::set_permissions(script, std::fs::Permissions::from_mode(0o755)).expect("mode");
    sandbox.write("sub/b c#1.txt", "deep\n");
    sandbox.write("sub/lower/d.bin", "d");
    sandbox.git(&["add", "."]);
    sandbox.commit("files");
    sandbox.git(&["branch", "feature/x"]);
    sandbox
}

fn paths(list: &Value) -> Vec<&str> {
    list["values"]
        .as_array()
        .expect("values")
        .iter()
        .map(|one| one["path"].as_str().expect("path"))
        .collect()
}

#[test]
fn a_file_is_its_bytes_and_a_folder_is_a_page() {
    let sandbox = sandbox();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    let hash = sandbox.hash("main");
    let file = client.get(&format!("{APP}/src/{hash}/sub/b%20c%231.txt"));
    assert_eq!((file.status, file.text.as_str()), (200, "deep\n"));
    assert_eq!(file.header("content-type"), "text/plain");
    assert!(file.header("content-disposition").starts_with("attachment"));
    let root = client.get(&format!("{APP}/src/{hash}/")).json();
    assert_eq!(paths(&root), ["a.txt", "run.sh", "sub"]);
    assert_eq!(root["values"][0]["size"], 6);
    assert_eq!(root["values"][1]["attributes"][0], "executable");
    assert_eq!(root["values"][2]["type"], "commit_directory");
    let deep = client.get(&format!("{APP}/src/{hash}/?max_depth=3")).json();
    assert_eq!(
        paths(&deep),
        [
            "a.txt",
            "run.sh",
            "sub",
            "sub/b c#1.txt",
            "sub/lower",
            "sub/lower/d.bin"
        ]
    );
    let directory = client
        .get(&format!("{APP}/src/{hash}/sub?max_depth=1"))
        .json();
    assert_eq!(paths(&directory), ["sub/b c#1.txt", "sub/lower"]);
    let link = directory["values"][0]["links"]["self"]["href"]
        .as_str()
        .expect("a link");
    assert_eq!(client.get(link).text, "deep\n");
    assert_eq!(client.get(&format!("{APP}/src/{hash}/none")).status, 404);
    assert_eq!(
        client.get(&format!("{APP}/src/{hash}")).status,
        404,
        "no slash"
    );
}

#[test]
fn folder_pages_have_an_opaque_cursor() {
    let sandbox = sandbox();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    let hash = sandbox.hash("main");
    let first = client.get(&format!("{APP}/src/{hash}/?pagelen=2")).json();
    let next = first["next"].as_str().expect("next");
    let second = client.get(next).json();
    assert_eq!(paths(&second), ["sub"]);
    assert!(second.get("next").is_none());
    assert_eq!(client.get(&format!("{APP}/src/{hash}/?page=2")).status, 400);
    let filtered = client
        .get(&format!("{APP}/src/{hash}/?q=size%3E6&sort=-size"))
        .json();
    assert_eq!(paths(&filtered), ["run.sh"]);
}

#[test]
fn meta_describes_a_file_or_folder() {
    let sandbox = sandbox();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    let hash = sandbox.hash("main");
    let file = client
        .get(&format!("{APP}/src/{hash}/a.txt?format=meta"))
        .json();
    assert_eq!(file["type"], "commit_file");
    assert_eq!(file["commit"]["hash"], hash);
    let directory = client
        .get(&format!("{APP}/src/{hash}/sub/?format=meta"))
        .json();
    assert_eq!(directory["type"], "commit_directory");
}

#[test]
fn a_branch_with_a_slash_is_not_understood_here() {
    let sandbox = sandbox();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    assert_eq!(client.get(&format!("{APP}/src/main/a.txt")).status, 200);
    for branch in ["feature/x", "feature%2Fx"] {
        assert_eq!(client.get(&format!("{APP}/src/{branch}/a.txt")).status, 404);
    }
}

#[test]
fn the_bare_address_leads_to_the_root_of_the_main_branch() {
    let sandbox = sandbox();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    let redirect = client.get(&format!("{APP}/src"));
    assert_eq!(redirect.status, 302);
    let root = client.get(redirect.header("location")).json();
    assert_eq!(paths(&root).len(), 3);
}

#[test]
fn a_large_file_is_at_another_host_that_must_see_no_credential() {
    let sandbox = sandbox();
    let oid = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";
    sandbox.write(
        "big.bin",
        format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 12\n"),
    );
    sandbox.write(&format!(".git/lfs/objects/4d/7a/{oid}"), "large content");
    sandbox.git(&["add", "."]);
    let hash = sandbox.commit("large");
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    let redirect = client.get(&format!("{APP}/src/{hash}/big.bin"));
    assert_eq!(redirect.status, 301);
    let location = redirect.header("location");
    assert!(location.starts_with(mock.storage_url()), "{location}");
    let meta = client
        .get(&format!("{APP}/src/{hash}/big.bin?format=meta"))
        .json();
    assert_eq!(meta["attributes"][0], "lfs");
    let nobody = Client::with(&mock, As::Nobody);
    assert_eq!(nobody.get(location).text, "large content");
    assert!(mock.storage_violations().is_empty());
    assert_eq!(client.get(location).status, 400);
    assert_eq!(mock.storage_violations().len(), 1);
}

fn upload(client: &Client, name: &str, content: &str) -> u16 {
    let body = format!(
        "--b0\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{name}\"\r\nContent-Type: application/octet-stream\r\n\r\n{content}\r\n--b0--\r\n"
    );
    client
        .send(
            "POST",
            &format!("{APP}/downloads"),
            Some(("multipart/form-data; boundary=b0", body.as_bytes())),
        )
        .expect("a response")
        .status
}

#[test]
fn downloads_are_uploaded_replaced_fetched_and_deleted() {
    let sandbox = sandbox();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    assert_eq!(upload(&client, "a b.txt", "one"), 201);
    assert_eq!(upload(&client, "a b.txt", "two!"), 201);
    let list = client.get(&format!("{APP}/downloads")).json();
    assert_eq!(list["size"], 1);
    assert_eq!(list["values"][0]["size"], 4);
    let link = list["values"][0]["links"]["self"]["href"]
        .as_str()
        .expect("a link");
    let redirect = client.get(link);
    assert_eq!(redirect.status, 302);
    let location = redirect.header("location");
    assert_eq!(Client::with(&mock, As::Nobody).get(location).text, "two!");
    assert_eq!(client.delete(link).status, 204);
    assert_eq!(client.delete(link).status, 404);
    assert_eq!(client.get(link).status, 404);
}

#[test]
fn an_upload_that_is_no_form_or_has_no_files_is_refused() {
    let sandbox = sandbox();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    let path = format!("{APP}/downloads");
    let send = |kind: &str, body: &str| {
        client
            .send("POST", &path, Some((kind, body.as_bytes())))
            .expect("a response")
            .status
    };
    assert_eq!(send("application/octet-stream", "x"), 406);
    assert_eq!(send("multipart/form-data; boundary=b0", "x"), 400);
    let other = "--b0\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\nx\r\n--b0--\r\n";
    assert_eq!(send("multipart/form-data; boundary=b0", other), 400);
}

/// The bytes of an archive.
fn fetch(mock: &MockBitbucket, path: &str) -> (u16, Vec<u8>) {
    use base64::Engine as _;
    let token = mock.api_token();
    let basic = base64::engine::general_purpose::STANDARD.encode(format!(
        "{}:{}",
        token.email,
        token.token.expose()
    ));
    let mut response = ureq::get(format!("{}{path}", mock.web_url()))
        .config()
        .http_status_as_error(false)
        .proxy(None)
        .build()
        .header("Authorization", format!("Basic {basic}"))
        .call()
        .expect("a response");
    let mut bytes = Vec::new();
    response
        .body_mut()
        .as_reader()
        .read_to_end(&mut bytes)
        .expect("bytes");
    (response.status().as_u16(), bytes)
}

#[test]
fn archives_of_a_branch_hold_its_files_below_one_folder() {
    let sandbox = sandbox();
    let mock = mock_with(&sandbox);
    let (status, bytes) = fetch(&mock, "/team/app/get/feature%2Fx.tar.gz");
    assert_eq!(status, 200);
    let file = sandbox.path().join("out.tar.gz");
    std::fs::write(&file, bytes).expect("a file");
    let listing = Command::new("tar")
        .arg("tzf")
        .arg(&file)
        .output()
        .expect("tar");
    let listing = String::from_utf8_lossy(&listing.stdout).into_owned();
    let directory = format!("team-app-{}/", &sandbox.hash("main")[..12]);
    assert!(
        listing.contains(&format!("{directory}sub/lower/d.bin")),
        "{listing}"
    );
    let (status, bytes) = fetch(&mock, "/team/app/get/main.zip");
    assert_eq!((status, &bytes[..2]), (200, b"PK".as_slice()));
    let (status, bytes) = fetch(&mock, "/team/app/get/main.tar.bz2");
    assert_eq!((status, &bytes[..2]), (200, b"BZ".as_slice()));
    assert_eq!(fetch(&mock, "/team/app/get/none.zip").0, 404);
    assert_eq!(fetch(&mock, "/team/app/get/main.rar").0, 404);
}

#[test]
fn an_archive_with_a_bearer_token_is_not_to_be_had_unless_chosen() {
    let sandbox = sandbox();
    let mock = mock_with(&sandbox);
    let client = Client::with(&mock, mock.access_token());
    let url = format!("{}/team/app/get/main.tar.gz", mock.web_url());
    for (choice, status) in [
        (ArchiveBearer::NotFound, 404),
        (ArchiveBearer::Forbidden, 403),
    ] {
        mock.set_behaviour(Behaviour {
            archive_bearer: choice,
            ..Behaviour::default()
        });
        let rejected = client.get(&url);
        assert_eq!(rejected.status, status);
        assert!(rejected.text.starts_with("<!DOCTYPE html>"));
    }
}
