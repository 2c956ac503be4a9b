//! What can be wrong with a provider: each defect changes one behaviour of the
//! correct one.

/// A defect, and by which rules it has to be caught.
macro_rules! defects {
    ($( $defect:ident => [$($rule:literal),*], )*) => {
        /// One thing that is wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Defect {
            $( $defect, )*
        }

        impl Defect {
            pub(crate) const ALL: &[Self] = &[$(Self::$defect),*];

            /// The rules that fail, sorted.
            pub(crate) fn caught_by(self) -> Vec<&'static str> {
                let mut rules = match self {
                    $( Self::$defect => vec![$($rule),*], )*
                };
                rules.sort_unstable();
                rules
            }
        }
    };
}

defects! {
    CapabilityNamedTwice => ["info.consistent"],
    CapabilityMisspelt => ["info.consistent"],
    WebhooksDenied => ["info.webhooks-and-polling"],
    MethodHidden => ["capabilities.absent"],
    EmptyPromise => ["capabilities.present"],
    NamelessCredential => ["connection.checked"],

    UserInRepositoryAddress => ["repository.found"],
    MainBranchNotMarked => ["lookup.branches"],
    TagLookupGivesTagObject => ["lookup.tags"],
    ShortHashKept => ["lookup.commits"],
    RangeHoldsItsBase => ["lookup.ranges"],
    UnknownRepositoryIsEmpty => ["unknown.repository"],
    UnknownBranchHasNoCommits => ["unknown.things"],

    OrderChanges => ["list.repeats", "list.limit", "threads.calls-agree"],
    ItemTwice => ["list.repeats"],
    LimitIgnored => ["list.limit", "list.limit-saves-requests"],
    LimitOffByOne => ["list.limit"],
    LimitFetchesAll => ["list.limit-saves-requests"],
    StopIgnored => ["list.stop"],
    StopIsAnError => ["list.stop"],
    SinkErrorReworded => ["list.sink-error"],
    SinkErrorSwallowed => ["list.sink-error"],
    PartialList => ["list.failing-page"],
    SortIgnored => ["list.sort-and-filter"],
    TagFilterIgnored => ["list.sort-and-filter"],
    EmptyRepositoryFails => ["list.empty-repository"],

    BranchMissing => ["git.branches"],
    TagMissing => ["git.tags"],
    CommitMissing => ["git.commits"],
    ParentBeforeChild => ["git.commits"],
    RemovedFileCalledModified => ["git.changed-files"],
    FileMissing => ["git.content"],

    SizeWrong => ["content.agrees"],
    ArchiveWithoutPrefix => ["content.archive"],
    ArchiveIncomplete => ["content.archive"],
    LengthWrong => ["stream.length"],
    EmptyChunk => ["stream.length"],
    StreamStopIgnored => ["stream.stop"],

    CancelledBeforeIgnored => ["cancel.before-call"],
    CancelledBetweenPagesIgnored => ["cancel.between-pages"],
    CancelledWhileWaitingIgnored => ["cancel.while-waiting"],
    DeadlineBeforeIgnored => ["deadline.before-call"],
    DeadlineBetweenPagesIgnored => ["deadline.between-pages"],
    DeadlineOfSlowServerIgnored => ["deadline.slow-server"],

    NamesDecodedOnceMore => ["branch.odd-names"],
    BranchOverwritten => ["branch.create-existing"],
    SecondBranchDeletionFails => ["branch.delete-twice"],
    TagOverwritten => ["tag.create-existing"],

    ReconcileAlwaysCreates => ["hook.reconcile-twice", "hook.trailing-slash"],
    ReconcileAlwaysUpdates => ["hook.reconcile-twice"],
    SlashCounts => ["hook.trailing-slash"],
    DeletedHookListed => ["hook.listed"],
    HookChangeDropsEvents => ["hook.update"],
    SecondHookDeletionFails => ["hook.delete-twice"],

    StatusesPileUp => ["status.same-key"],
    KeysCutOff => ["status.long-keys"],
    SkippedStaysPending => ["status.every-state"],

    AnnotationsLost => ["insight.published"],

    PullRequestOverwritten => ["pull-request.create-existing"],
    UpdateClearsText => ["pull-request.life"],
    DeclinedIsMerged => ["pull-request.life"],
    MovedSourceIsMerged => ["pull-request.merge"],
    MergedStaysOpen => ["pull-request.merge"],
    SearchIgnoresStates => ["pull-request.found-by-commit"],
    SecondApprovalFails => ["pull-request.approve-twice"],
    SecondCommentDeletionFails => ["comment.delete-twice"],

    FirstPollTellsAll => ["poll.no-cursor"],
    PollRepeats => ["poll.nothing-changed"],
    NewBranchTwice => ["poll.new-branch"],
    DeletedBranchMissed => ["poll.new-branch"],
    BrokenCursorBeginsAnew => ["poll.broken-cursor"],

    HeaderCaseMatters => ["webhook.read"],
    GarbageIsNoEvent => ["webhook.garbage"],
    MissingSignatureTaken => ["webhook.signature"],
    SignatureNotCompared => ["webhook.signature"],
    BodyReadBeforeSignature => ["webhook.signature"],
    UnknownEventFails => ["webhook.unknown-event"],

    ThreadLeftBehind => ["threads.none-left"],
    DescriptorLeftOpen => ["files.none-left"],
    CallsDisturbEachOther => ["threads.calls-agree"],

    UserInCheckoutAddress => ["checkout.addresses"],
    SecretInError => ["secrets.errors"],
    SecretInAnswer => ["secrets.errors"],
    SecretInLog => ["secrets.logs"],
    EmptyMessage => ["errors.sensible"],
    WebPageInMessage => ["errors.sensible"],
}
