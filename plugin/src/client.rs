//! The client of one credential: every method goes to the module of its group.

use crate::session::Session;
use crate::{
    branches, checkout, commits, connection, hooks, repositories, statuses, tags, workspaces,
};
use std::sync::Arc;
use vcs_provider_interface::prelude::*;

/// A client of Bitbucket Cloud with one credential.
pub(crate) struct Client {
    session: Arc<Session>,
}

impl Client {
    pub(crate) fn new(session: Arc<Session>) -> Self {
        Self { session }
    }
}

/// Writes the methods that hand their arguments on to a function.
macro_rules! delegate {
    (
        lists { $( $list:ident($list_request:ty) -> $item:ty => $list_function:path; )* }
        calls { $( $call:ident($call_request:ty) -> $answer:ty => $call_function:path; )* }
    ) => {
        impl AuthorizedClient for Client {
            $( fn $list(
                &self,
                context: &dyn CallContext,
                request: $list_request,
                sink: &mut dyn PageSink<$item>,
            ) -> Result<()> {
                $list_function(&self.session, context, request, sink)
            } )*

            $( fn $call(&self, context: &dyn CallContext, request: $call_request) -> Result<$answer> {
                $call_function(&self.session, context, request)
            } )*
        }
    };
}

delegate! {
    lists {
        workspaces(WorkspacesRequest) -> Workspace => workspaces::list;
        repos(RepositoriesRequest) -> Repository => repositories::list;
        branches(BranchesRequest) -> Branch => branches::list;
        tags(TagsRequest) -> Tag => tags::list;
        commits(CommitsRequest) -> Commit => commits::list;
        commits_between_refs(CommitsBetweenRefsRequest) -> Commit => commits::list_between;
        list_statuses(StatusesRequest) -> Status => statuses::list;
    }
    calls {
        repo_by_fullname(RepositoryRequest) -> Repository => repositories::get;
        branch(BranchRequest) -> Branch => branches::get;
        create_branch(CreateBranchRequest) -> Branch => branches::create;
        delete_branch(DeleteBranchRequest) -> () => branches::delete;
        tag(TagRequest) -> Tag => tags::get;
        create_tag(CreateTagRequest) -> Tag => tags::create;
        commit(CommitRequest) -> Commit => commits::get;
        create_hook(HookRequest) -> Hook => hooks::create;
        update_hook(HookRequest) -> Hook => hooks::update;
        get_hook(GetHookRequest) -> Hook => hooks::get;
        delete_hook(DeleteHookRequest) -> () => hooks::delete;
        set_status(StatusRequest) -> Status => statuses::set;
        checkout_credentials(RepositoryRequest) -> CheckoutCredentials => checkout::credentials;
        check_connection(ConnectionRequest) -> Connection => connection::check;
    }
}
