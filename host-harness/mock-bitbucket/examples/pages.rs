//! How long the mock takes for full pages: 100 of 2,500 branches, and 100 repositories.
//!
//! ```console
//! $ cargo run --profile demo -p mock-bitbucket --example pages
//! ```

use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use mock_bitbucket::MockBitbucket;

const BRANCHES: usize = 2_500;
const REPOSITORIES: usize = 100;
const TRIES: usize = 101;

fn git(directory: &Path, arguments: &[&str]) -> Result<String, Box<dyn Error>> {
    let output = Command::new("git")
        .arg("-C")
        .arg(directory)
        .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com"])
        .args(arguments)
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let path = directory.path();
    git(path, &["init", "--quiet", "--initial-branch=main"])?;
    git(path, &["commit", "--quiet", "--allow-empty", "-m", "first"])?;
    let hash = git(path, &["rev-parse", "HEAD"])?;
    for number in 0..BRANCHES {
        let file = path.join(format!(".git/refs/heads/b{number:05}"));
        std::fs::write(file, format!("{hash}\n"))?;
    }
    let mut builder = MockBitbucket::builder();
    for number in 0..REPOSITORIES {
        builder = builder.repo(format!("team/app{number}"), path);
    }
    let mock = builder.start()?;
    // Refs that changed just now are not cached.
    std::thread::sleep(Duration::from_millis(200));
    for (what, path) in [
        (
            "100 of 2,500 branches",
            "/repositories/team/app0/refs/branches?pagelen=100&page=7",
        ),
        ("100 repositories", "/repositories/team?pagelen=100"),
    ] {
        measure(&mock, what, path)?;
    }
    Ok(())
}

fn measure(mock: &MockBitbucket, what: &str, path: &str) -> Result<(), Box<dyn Error>> {
    let agent = ureq::agent();
    let url = format!("{}{path}", mock.api_url());
    let authorization = format!("Bearer {}", mock.access_token().expose());
    let mut times = Vec::with_capacity(TRIES);
    let mut bytes = 0;
    for _ in 0..TRIES {
        let begun = Instant::now();
        let mut response = agent
            .get(&url)
            .header("Authorization", &authorization)
            .call()?;
        bytes = response.body_mut().read_to_vec()?.len();
        times.push(begun.elapsed());
    }
    times.sort();
    println!(
        "{what}: median {:?}, best {:?}, {bytes} bytes",
        times[TRIES / 2],
        times[0]
    );
    Ok(())
}
