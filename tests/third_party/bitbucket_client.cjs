// Runs the main operations of the npm package `bitbucket` against a Bitbucket.
//
// Arguments: address of the API with /2.0, e-mail address; the token comes by standard
// input. Prints one JSON object for each operation: its name, and what went wrong or
// null.
const { Bitbucket } = require('bitbucket')
const [, , baseUrl, username] = process.argv
const password = require('fs').readFileSync(0, 'utf8').trim()
const client = new Bitbucket({ baseUrl, notice: false, auth: { username, password } })
const at = { workspace: 'team', repo_slug: 'app' }

async function run (operation, call) {
  let problem = null
  let data = {}
  try {
    data = (await call()).data
  } catch (error) {
    problem = `${error.name}: ${error.message} ${error.status || ''}`
  }
  console.log(JSON.stringify({ operation, problem }))
  return data
}

async function main () {
  await run('user.get', () => client.user.get({}))
  await run('workspaces.getWorkspace', () => client.workspaces.getWorkspace({ workspace: 'team' }))
  await run('workspaces.getMembersForWorkspace', () => client.workspaces.getMembersForWorkspace({ workspace: 'team' }))
  await run('workspaces.getProjects', () => client.workspaces.getProjects({ workspace: 'team' }))
  await run('repositories.list', () => client.repositories.list({ workspace: 'team' }))
  await run('repositories.get', () => client.repositories.get(at))
  await run('repositories.listForks', () => client.repositories.listForks(at))
  const main = await run('refs.getBranch', () => client.refs.getBranch({ ...at, name: 'main' }))
  await run('refs.listBranches', () => client.refs.listBranches(at))
  await run('refs.createBranch', () => client.refs.createBranch({ ...at, _body: { name: 'by-node', target: { hash: main.target.hash } } }))
  await run('refs.createTag', () => client.refs.createTag({ ...at, _body: { name: 'n1', target: { hash: main.target.hash } } }))
  await run('refs.listTags', () => client.refs.listTags(at))
  const commit = main.target.hash
  await run('commits.get', () => client.commits.get({ ...at, commit }))
  await run('commits.list', () => client.commits.list(at))
  await run('commitstatuses.createBuildStatus', () => client.commitstatuses.createBuildStatus({ ...at, commit, _body: { key: 'n', state: 'SUCCESSFUL', url: 'https://ci.example.com/' } }))
  await run('commitstatuses.getBuildStatus', () => client.commitstatuses.getBuildStatus({ ...at, commit, key: 'n' }))
  await run('commitstatuses.list', () => client.commitstatuses.list({ ...at, commit }))
  await run('source.read', () => client.source.read({ ...at, commit, path: 'a/b.txt' }))
  const made = await run('pullrequests.create', () => client.pullrequests.create({ ...at, _body: { title: 'Two', source: { branch: { name: 'two' } }, destination: { branch: { name: 'main' } } } }))
  const pull = { ...at, pull_request_id: made.id }
  await run('pullrequests.list', () => client.pullrequests.list(at))
  await run('pullrequests.get', () => client.pullrequests.get(pull))
  await run('pullrequests.update', () => client.pullrequests.update({ ...pull, _body: { title: 'Better' } }))
  await run('pullrequests.listCommits', () => client.pullrequests.listCommits(pull))
  await run('pullrequests.listActivities', () => client.pullrequests.listActivities(pull))
  await run('pullrequests.getDiffStat', () => client.pullrequests.getDiffStat(pull))
  await run('pullrequests.createComment', () => client.pullrequests.createComment({ ...pull, _body: { content: { raw: 'Why?' } } }))
  await run('pullrequests.listComments', () => client.pullrequests.listComments(pull))
  await run('pullrequests.createApproval', () => client.pullrequests.createApproval(pull))
  await run('pullrequests.merge', () => client.pullrequests.merge({ ...pull, _body: {} }))
  const hook = await run('repositories.createWebhook', () => client.repositories.createWebhook({ ...at, _body: { description: 'n', url: 'https://ci.example.com/n', active: true, events: ['repo:push'] } }))
  await run('repositories.listWebhooks', () => client.repositories.listWebhooks(at))
  await run('repositories.deleteWebhook', () => client.repositories.deleteWebhook({ ...at, uid: hook.uuid }))
  await run('repositories.listDeployKeys', () => client.repositories.listDeployKeys(at))
  await run('repositories.listDownloads', () => client.repositories.listDownloads(at))
  await run('pipelines.list', () => client.pipelines.list(at))
  await run('commits.createOrUpdateReport', () => client.commits.createOrUpdateReport({ ...at, commit, reportId: 'r', _body: { title: 't', details: 'd', report_type: 'TEST' } }))
  await run('commits.getReportsForCommit', () => client.commits.getReportsForCommit({ ...at, commit }))
}

main()
