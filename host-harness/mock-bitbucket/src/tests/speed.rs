//! What a request costs in git processes: counts, which no machine changes.

use super::support::{Client, Sandbox};
use crate::MockBitbucket;

/// Lets file times settle, so that refs count as unchanged.
fn settle(sandbox: &Sandbox) {
    let hour_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    let mut waiting = vec![sandbox.path().join(".git/refs")];
    while let Some(directory) = waiting.pop() {
        for entry in std::fs::read_dir(&directory)
            .expect("a directory")
            .flatten()
        {
            if entry.path().is_dir() {
                waiting.push(entry.path());
            }
        }
        let opened = std::fs::File::open(&directory).expect("a directory");
        opened.set_modified(hour_ago).expect("its time");
    }
}

fn with_branches(count: usize) -> Sandbox {
    let sandbox = Sandbox::new();
    let hash = sandbox.hash("HEAD");
    let heads = sandbox.path().join(".git/refs/heads");
    for number in 0..count {
        std::fs::write(heads.join(format!("b{number:05}")), format!("{hash}\n")).expect("a ref");
    }
    sandbox.git(&["tag", "-a", "-m", "x", "v1"]);
    sandbox.git(&["tag", "v2"]);
    sandbox
}

fn report(what: &str, client: &Client, path: &str) {
    client.get(path);
    let mut times = Vec::new();
    for _ in 0..9 {
        let start = std::time::Instant::now();
        let response = client.get(path);
        times.push(start.elapsed());
        assert_eq!(response.status, 200, "{}", response.text);
    }
    times.sort();
    eprintln!("{what}: median {:?}, best {:?}", times[4], times[0]);
}

#[test]
fn pages_of_branches_and_tags_start_one_git_at_most() {
    let sandbox = with_branches(2500);
    settle(&sandbox);
    let mock = MockBitbucket::builder()
        .repo("team/app", sandbox.path())
        .start()
        .expect("the mock");
    let client = Client::new(&mock);
    let repository = mock.repository("team/app").expect("the repository");
    for page in 1..=25 {
        let path = format!("/repositories/team/app/refs/branches?pagelen=100&page={page}");
        assert_eq!(client.get(&path).names().len(), 100);
    }
    assert_eq!(
        client.get("/repositories/team/app/refs/tags").names(),
        ["v1", "v2"]
    );
    client.get("/repositories/team/app/refs/branches/b00007");
    client.get("/repositories/team/app");
    assert!(
        repository.git.processes() <= 1,
        "{}",
        repository.git.processes()
    );
    report(
        "page of 100 branches",
        &client,
        "/repositories/team/app/refs/branches?pagelen=100&page=7",
    );
}

#[test]
fn a_page_of_repositories_starts_no_git() {
    let sandbox = Sandbox::new();
    let mut builder = MockBitbucket::builder();
    for number in 0..100 {
        builder = builder.repo(format!("team/app{number}"), sandbox.path());
    }
    let mock = builder.start().expect("the mock");
    let client = Client::new(&mock);
    let response = client.get("/repositories/team?pagelen=100");
    assert_eq!(response.strings("/mainbranch/name"), ["main"; 100]);
    for number in 0..100 {
        let repository = mock.repository(&format!("team/app{number}")).expect("it");
        assert_eq!(repository.git.processes(), 0);
    }
    report(
        "page of 100 repositories",
        &client,
        "/repositories/team?pagelen=100",
    );
}
