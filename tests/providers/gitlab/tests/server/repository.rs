//! What the service says of a git repository, in GitLab's forms.

use super::{Project, Request};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

pub(super) fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

const COMMIT: &str = "%H%x1f%P%x1f%an%x1f%ae%x1f%aI%x1f%cn%x1f%ce%x1f%cI%x1f%B%x1e";

pub(super) fn commits(project: &Project, arguments: &[&str]) -> Vec<Value> {
    let format = format!("--format={COMMIT}");
    let mut all = vec!["log", &format];
    all.extend_from_slice(arguments);
    let text = git(&project.git, &all);
    text.split('\u{1e}')
        .map(|record| {
            record
                .trim_start_matches('\n')
                .split('\u{1f}')
                .collect::<Vec<_>>()
        })
        .filter(|fields| fields.len() == 9)
        .map(|fields| {
            let parents: Vec<&str> = fields[1].split_whitespace().collect();
            json!({
                "id": fields[0], "short_id": &fields[0][..8], "parent_ids": parents,
                "author_name": fields[2], "author_email": fields[3], "authored_date": fields[4],
                "committer_name": fields[5], "committer_email": fields[6],
                "committed_date": fields[7], "created_at": fields[7], "message": fields[8],
                "web_url": format!("https://gitlab.example/-/commit/{}", fields[0]),
            })
        })
        .collect()
}

/// All commits that refs point at, by hash, with one call of git.
fn tips(project: &Project) -> HashMap<String, Value> {
    let tips = commits(project, &["--no-walk", "--all"]);
    let hash = |commit: &Value| commit["id"].as_str().unwrap().to_owned();
    tips.into_iter()
        .map(|commit| (hash(&commit), commit))
        .collect()
}

fn refs(project: &Project, order: &str, below: &str) -> Vec<Vec<String>> {
    let format = "--format=%(refname:strip=2)%1f%(objectname)%1f%(*objectname)%1f%(contents)%1e";
    let text = git(&project.git, &["for-each-ref", format, order, below]);
    let records = text
        .split('\u{1e}')
        .map(|record| record.trim_start_matches('\n'));
    records
        .map(|record| {
            record
                .split('\u{1f}')
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .filter(|fields| fields.len() == 4)
        .collect()
}

pub(super) fn branches(project: &Project, request: &Request) -> Vec<Value> {
    let tips = tips(project);
    let order = match request.query.get("sort").map(String::as_str) {
        Some("updated_desc") => "--sort=-committerdate",
        _ => "--sort=refname",
    };
    let wanted = request.query.get("search").cloned().unwrap_or_default();
    refs(project, order, "refs/heads")
        .into_iter()
        .filter(|fields| fields[0].contains(&wanted))
        .map(|fields| {
            json!({ "name": fields[0], "default": fields[0] == "main", "protected": fields[0] == "main",
                "merged": false, "commit": tips[&fields[1]] })
        })
        .collect()
}

pub(super) fn tags(project: &Project, request: &Request) -> Vec<Value> {
    let tips = tips(project);
    let wanted = request.query.get("search").cloned().unwrap_or_default();
    refs(project, "--sort=refname", "refs/tags")
        .into_iter()
        .filter(|fields| fields[0].contains(&wanted))
        .map(|fields| {
            let is_annotated = !fields[2].is_empty();
            let hash = if is_annotated { &fields[2] } else { &fields[1] };
            let message = if is_annotated { fields[3].as_str() } else { "" };
            json!({ "name": fields[0], "target": fields[1], "message": message, "commit": tips[hash] })
        })
        .collect()
}
