//! The routes below one project.

use super::pages::page;
use super::repository::{branches, commits, tags};
use super::{Project, Reply, Request, not_found, project_json, reply};
use serde_json::{Value, json};

pub(super) fn of_project(
    project: &mut Project,
    next_id: u64,
    request: &Request,
    rest: &[&str],
    base: &str,
) -> Reply {
    let body = &request.body;
    match (request.method.as_str(), rest) {
        ("GET", []) => reply(200, project_json(project, base)),
        ("GET", ["repository", "branches"]) => page(request, base, branches(project, request)),
        ("GET", ["repository", "branches", name]) => {
            let mut all = branches(project, request).into_iter();
            match all.find(|branch| branch["name"] == *name) {
                Some(branch) => reply(200, branch),
                None => not_found("Branch"),
            }
        }
        ("GET", ["repository", "tags"]) => page(request, base, tags(project, request)),
        ("GET", ["repository", "commits"]) => {
            let range = request.query["ref_name"].clone();
            page(request, base, commits(project, &[&range, "--"]))
        }
        ("GET", ["repository", "commits", hash]) => {
            match commits(project, &["-1", hash, "--"]).pop() {
                Some(commit) => reply(200, commit),
                None => not_found("Commit"),
            }
        }
        ("GET", ["repository", "commits", hash, "statuses"]) => {
            if commits(project, &["-1", hash, "--"]).is_empty() {
                return not_found("Commit");
            }
            let found = project
                .statuses
                .iter()
                .filter(|status| status["sha"] == *hash);
            page(request, base, found.cloned().collect())
        }
        ("POST", ["statuses", hash]) => {
            let states = [
                "pending", "running", "success", "failed", "canceled", "skipped",
            ];
            if commits(project, &["-1", hash, "--"]).is_empty() {
                return not_found("Commit");
            }
            if !states.iter().any(|state| body["state"] == *state) {
                return reply(400, json!({ "error": "state does not have a valid value" }));
            }
            let status = json!({
                "id": next_id, "sha": hash, "status": body["state"], "name": body["name"],
                "description": body["description"], "target_url": body["target_url"],
                "ref": body["ref"], "created_at": "2024-01-02T03:04:05.678Z",
            });
            project
                .statuses
                .retain(|one| one["name"] != body["name"] || one["sha"] != *hash);
            project.statuses.push(status.clone());
            reply(201, status)
        }
        ("GET", ["merge_requests"]) => {
            let state = request.query.get("state").cloned().unwrap_or_default();
            let found = project.merge_requests.iter().rev();
            let found = found.filter(|one| state == "all" || one["state"] == state.as_str());
            page(request, base, found.cloned().collect())
        }
        ("GET", ["merge_requests", iid]) => {
            let mut all = project.merge_requests.iter();
            match all.find(|one| one["iid"].as_u64() == iid.parse().ok()) {
                Some(found) => reply(200, found.clone()),
                None => not_found(""),
            }
        }
        ("GET", ["hooks"]) => page(request, base, project.hooks.clone()),
        ("POST", ["hooks"]) => {
            let mut hook = body.clone();
            hook["id"] = json!(next_id);
            // A token is never told, and stands in every delivery.
            let token = hook.as_object_mut().unwrap().remove("token");
            project.tokens.insert(next_id, token.unwrap_or_default());
            project.hooks.push(hook.clone());
            reply(201, hook)
        }
        (method, ["hooks", id]) => {
            let mut all = project.hooks.iter();
            let Some(place) = all.position(|hook| hook["id"].as_u64() == id.parse().ok()) else {
                return not_found("");
            };
            match method {
                "GET" => reply(200, project.hooks[place].clone()),
                "DELETE" => {
                    project.hooks.remove(place);
                    reply(204, Value::Null)
                }
                "PUT" => {
                    let number = project.hooks[place]["id"].as_u64().unwrap();
                    for (key, value) in body.as_object().unwrap() {
                        if key == "token" {
                            project.tokens.insert(number, value.clone());
                        } else {
                            project.hooks[place][key] = value.clone();
                        }
                    }
                    reply(200, project.hooks[place].clone())
                }
                _ => reply(405, Value::Null),
            }
        }
        _ => not_found("Page"),
    }
}
