"""Runs the main operations of atlassian-python-api against a Bitbucket.

Arguments: address of the API without /2.0, e-mail address; the token comes by
standard input. Prints one JSON object for each operation: its name, and what went
wrong or null.
"""

import json
import sys

from atlassian.bitbucket import Cloud

url, email = sys.argv[1], sys.argv[2]
token = sys.stdin.readline().strip()
cloud = Cloud(url=url, username=email, password=token)


def run(name, operation):
    try:
        result = operation()
        print(json.dumps({"operation": name, "problem": None}))
        return result
    except Exception as error:  # every kind counts, also the client's own
        problem = f"{type(error).__name__}: {error}"
        print(json.dumps({"operation": name, "problem": problem}))
        return None


def one(items):
    items = list(items)
    assert items, "an empty list"
    return items[0]


workspace = run("workspaces.get", lambda: cloud.workspaces.get("team"))
run("workspace.members.each", lambda: one(workspace.members.each()))
run("workspace.permissions.each", lambda: one(workspace.permissions.each()))
run("workspace.projects.each", lambda: one(workspace.projects.each()))
run("workspace.projects.create", lambda: workspace.projects.create("Tools", "TOOLS", "d"))
run("workspace.repositories.each", lambda: one(workspace.repositories.each()))
run("workspace.repositories.create", lambda: workspace.repositories.create("fresh"))
repository = run("repositories.get", lambda: cloud.repositories.get("team", "app"))
run("repository.update", lambda: repository.update(description="d"))
run("branches.each", lambda: one(repository.branches.each()))
run("branches.get", lambda: repository.branches.get("topic"))
main = run("branches.get main", lambda: repository.branches.get("main"))
run("branches.create", lambda: repository.branches.create("made", main.hash))
run("tags.create", lambda: repository.tags.create("v1", main.hash))
run("tags.each", lambda: one(repository.tags.each()))
run("commits.each", lambda: one(repository.commits.each(top="main")))
commit = run("commits.get", lambda: repository.commits.get(main.hash))
run("commit.add_build", lambda: commit.add_build("ci", url="https://ci.example.com/1"))
run("commit.statuses", lambda: one(commit.statuses()))
run("commit.get_build", lambda: commit.get_build("ci"))
run("commit.approve", commit.approve)
run("commit.unapprove", commit.unapprove)
run("source.file", lambda: repository.get_source_file(main.hash, "a/b.txt"))
run("source.directory", lambda: one(repository.get_source_directory(main.hash)))
pull = run(
    "pullrequests.create",
    lambda: repository.pullrequests.create("One", "topic", "main", description="d"),
)
run("pullrequests.each", lambda: one(repository.pullrequests.each()))
run("pullrequests.get", lambda: repository.pullrequests.get(pull.id))
run("pullrequest.diff", pull.diff)
run("pullrequest.diffstat", lambda: one(pull.diffstat()))
run("pullrequest.patch", pull.patch)
run("pullrequest.comment", lambda: pull.comment("Why?"))
run("pullrequest.comments", lambda: one(pull.comments()))
run("pullrequest.commits", lambda: one(pull.commits))
run("pullrequest.approve", pull.approve)
run("pullrequest.unapprove", pull.unapprove)
run("pullrequest.merge", pull.merge)
hook = run(
    "hooks.create",
    lambda: repository.hooks.create("https://ci.example.com/", "ci", ["repo:push"], True),
)
run("hooks.each", lambda: one(repository.hooks.each()))
run("hook.delete", lambda: hook.delete())
restriction = run(
    "branch_restrictions.create",
    lambda: repository.branch_restrictions.create(
        "push", branch_pattern="main", users=[], groups=[]
    ),
)
run("branch_restrictions.each", lambda: one(repository.branch_restrictions.each()))
run("branch_restriction.delete", lambda: restriction.delete())
run("default_reviewers.each", lambda: list(repository.default_reviewers.each()))
pipeline = run("pipelines.trigger", lambda: repository.pipelines.trigger(branch="main"))
run("pipelines.each", lambda: one(repository.pipelines.each()))
run("pipeline.steps", lambda: one(pipeline.steps()))
run("pipeline.stop", lambda: pipeline.stop())
variable = run(
    "repository_variables.create",
    lambda: repository.repository_variables.create("K", "v", False),
)
run("repository_variables.each", lambda: one(repository.repository_variables.each()))
run("repository_variable.delete", lambda: variable.delete())
run("downloads.each", lambda: list(repository.downloads.each()))
