//! The walk along the pages of one list or several: links followed one by one,
//! and numbered pages fetched side by side.

use super::numbered::{Numbered, is_same_link};
use super::{Envelope, OnRejection, PageReader, Pager};
use crate::http::{Http, Request, Response, Secrets};
use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::Duration;
use vcs_provider_interface::prelude::*;

/// How a list goes on after a page.
enum NextPage {
    /// There are no more items, or enough.
    None,
    /// The visitor wants no more.
    Stop,
    /// Here.
    At(String),
}

type Fetching<'scope> = ScopedJoinHandle<'scope, Result<Response>>;

/// The request for the first page of a list.
pub(super) fn first_request(request: &Request, page_length: u64, left: Option<u64>) -> Request {
    let length = left.map_or(page_length, |left| left.min(page_length));
    request.clone().query("pagelen", &length.to_string())
}

/// Where the first page of a list is.
enum FirstPage<'scope> {
    NotAsked,
    Asked(Fetching<'scope>),
    Here(Box<Result<Response>>),
    Taken,
}

/// One of the lists.
struct ListState<'scope> {
    request: Request,
    /// How many items a page of it has.
    length: u64,
    first: FirstPage<'scope>,
    /// What is known of its numbers, once its first page is here.
    numbered: Option<Numbered>,
    /// The last page that was asked for.
    asked: u64,
    /// Pages that were asked for ahead, in their order.
    ahead: VecDeque<(u64, Fetching<'scope>)>,
}

pub(super) struct PageStream<'scope, 'env> {
    http: &'scope Http,
    context: &'scope Abandonable<'env>,
    scope: &'scope Scope<'scope, 'env>,
    page_length: u64,
    lists: Vec<ListState<'scope>>,
    /// The list that is read now.
    current: usize,
    /// The links of the current list that were followed, and how many.
    links: HashSet<String>,
    pages: u64,
    /// What the requests carry that must not be shown.
    secrets: Secrets,
}

impl PageStream<'_, '_> {
    /// Reads all lists of a pager.
    pub(super) fn read(
        pager: Pager<'_>,
        items: &mut dyn PageReader,
        rejected: &mut OnRejection<'_>,
    ) -> Result<Flow> {
        let abandoned = AtomicBool::new(false);
        let context = Abandonable {
            context: pager.context,
            abandoned: &abandoned,
        };
        let http = pager.http;
        thread::scope(|scope| {
            let _abandon = AbandonOnDrop(&abandoned);
            let mut lists: Vec<_> = pager.requests.into_iter().map(ListState::new).collect();
            if let (Some(first), Some(list)) = (pager.first, lists.first_mut()) {
                list.length = pager
                    .limit
                    .map_or(pager.page_length, |left| left.min(pager.page_length));
                list.first = FirstPage::Here(Box::new(Ok(first)));
            }
            let mut stream = PageStream {
                http,
                context: &context,
                scope,
                page_length: pager.page_length,
                lists,
                current: 0,
                links: HashSet::new(),
                pages: 0,
                secrets: Secrets::default(),
            };
            stream.each_list(items, rejected)
        })
    }
}

impl<'scope> PageStream<'scope, '_> {
    fn each_list(
        &mut self,
        items: &mut dyn PageReader,
        rejected: &mut OnRejection<'_>,
    ) -> Result<Flow> {
        for index in 0..self.lists.len() {
            self.current = index;
            let first = match self.first_page(items.left()) {
                Ok(response) => response,
                Err(error) => {
                    rejected(index, error)?;
                    continue;
                }
            };
            self.secrets = first.head.secrets.clone();
            let envelope = items.read(&first)?;
            drop(first);
            self.learn(index, &envelope, items.left());
            let next = deliver(items, envelope.next)?;
            if self.follow(next, items)? == Flow::STOP {
                return Ok(Flow::STOP);
            }
            if items.left() == Some(0) {
                break;
            }
            if let Some(list) = self.lists.get_mut(index) {
                list.ahead.clear();
            }
        }
        Ok(Flow::CONTINUE)
    }

    /// Follows the links of the current list to its end.
    fn follow(&mut self, mut next: NextPage, items: &mut dyn PageReader) -> Result<Flow> {
        loop {
            let link = match next {
                NextPage::None => return Ok(Flow::CONTINUE),
                NextPage::Stop => return Ok(Flow::STOP),
                NextPage::At(link) => link,
            };
            self.fetch_ahead(items.left());
            let number = self.pages + 1;
            let expected = self.take_ahead(&link);
            let response = match expected {
                Some((address, fetching)) => {
                    let response = join(fetching)?;
                    self.note(&address)?;
                    response
                }
                None => {
                    self.note(&link)?;
                    fetch(self.http, self.context, &link, number)?
                }
            };
            let envelope = items
                .read(&response)
                .map_err(|error| on_page(error, number))?;
            drop(response);
            next = deliver(items, envelope.next)?;
        }
    }

    /// The first page of the current list, asked for now if it was not yet.
    fn first_page(&mut self, left: Option<u64>) -> Result<Response> {
        self.links.clear();
        self.pages = 1;
        if self.lists.len() > 1 {
            self.fetch_ahead(left);
        }
        let (http, context, page_length) = (self.http, self.context, self.page_length);
        let Some(list) = self.lists.get_mut(self.current) else {
            return Err(VcsError::new(ErrorKind::INTERNAL, "there is no such list"));
        };
        let response = match std::mem::replace(&mut list.first, FirstPage::Taken) {
            FirstPage::Asked(fetching) => join(fetching)?,
            FirstPage::Here(response) => (*response)?,
            FirstPage::NotAsked | FirstPage::Taken => {
                let request = list.ask(page_length, left);
                http.send(context, &request)?
            }
        };
        let first = first_request(&list.request, list.length, None);
        self.links.insert(http.address(&first));
        Ok(response)
    }

    /// Whether a list is numbered, by its first page.
    fn learn(&mut self, index: usize, envelope: &Envelope, left: Option<u64>) {
        let (http, several) = (self.http, self.lists.len() > 1);
        let Some(list) = self.lists.get_mut(index) else {
            return;
        };
        if list.asked > 1 || list.numbered.is_some() {
            return;
        }
        list.numbered = Numbered::recognise(envelope, list.length, left).filter(|numbered| {
            // What is fetched ahead was not looked at yet, so a link to another
            // place must not get that far.
            http.is_api_address(&numbered.address(2)) && (several || numbered.pages > 2)
        });
    }

    /// Asks for as many pages ahead as may be: the first pages of the lists to
    /// come, then the pages of the lists in their order.
    fn fetch_ahead(&mut self, left: Option<u64>) {
        let parallel = self.http.limits().parallel;
        if parallel < 2 {
            return;
        }
        while self.in_flight() < parallel {
            if !self.ask_first(parallel, left) && !self.ask_next(parallel, left) {
                return;
            }
        }
    }

    /// Requests that are under way.
    fn in_flight(&self) -> usize {
        let under_way = |fetching: &Fetching<'_>| usize::from(!fetching.is_finished());
        self.lists
            .iter()
            .skip(self.current)
            .map(|list| {
                let first = match &list.first {
                    FirstPage::Asked(fetching) => under_way(fetching),
                    _ => 0,
                };
                let ahead: usize = list.ahead.iter().map(|(_, page)| under_way(page)).sum();
                first + ahead
            })
            .sum()
    }

    /// Asks for the first page of one of the next lists, if one is left to ask.
    fn ask_first(&mut self, parallel: usize, left: Option<u64>) -> bool {
        // With few items wanted, the first lists may have them all.
        if left.is_some_and(|left| left <= self.page_length) {
            return false;
        }
        let (http, context, page_length) = (self.http, self.context, self.page_length);
        let next = self
            .lists
            .iter_mut()
            .skip(self.current)
            .take(parallel)
            .find(|list| matches!(list.first, FirstPage::NotAsked));
        let Some(list) = next else { return false };
        let request = list.ask(page_length, left);
        let fetching = self.scope.spawn(move || http.send(context, &request));
        list.first = FirstPage::Asked(fetching);
        true
    }

    /// Asks for the next numbered page, if one is known.
    fn ask_next(&mut self, parallel: usize, left: Option<u64>) -> bool {
        let ahead: usize = self.lists.iter().map(|list| list.ahead.len()).sum();
        if ahead >= parallel {
            return false;
        }
        for index in self.current..self.lists.len() {
            self.peek(index, left);
            let (http, context) = (self.http, self.context);
            let Some(list) = self.lists.get_mut(index) else {
                return false;
            };
            let Some(numbered) = &list.numbered else {
                continue;
            };
            if list.asked >= numbered.pages {
                continue;
            }
            list.asked += 1;
            let number = list.asked;
            let address = numbered.address(number);
            let fetching = self
                .scope
                .spawn(move || fetch(http, context, &address, number));
            list.ahead.push_back((number, fetching));
            return true;
        }
        false
    }

    /// Looks at the first page of a list to come, if it has arrived.
    fn peek(&mut self, index: usize, left: Option<u64>) {
        let Some(list) = self.lists.get_mut(index) else {
            return;
        };
        if !matches!(&list.first, FirstPage::Asked(fetching) if fetching.is_finished()) {
            return;
        }
        if let FirstPage::Asked(fetching) = std::mem::replace(&mut list.first, FirstPage::Taken) {
            let response = join(fetching);
            let envelope = response.as_ref().ok().and_then(Envelope::peek);
            list.first = FirstPage::Here(Box::new(response));
            if let Some(envelope) = envelope {
                self.learn(index, &envelope, left);
            }
        }
    }

    /// The page at this link, if it is the one that was asked for ahead. A list
    /// that goes on elsewhere is not numbered after all.
    fn take_ahead(&mut self, link: &str) -> Option<(String, Fetching<'scope>)> {
        let list = self.lists.get_mut(self.current)?;
        let number = self.pages + 1;
        let address = list.numbered.as_ref()?.address(number);
        let is_expected = list
            .ahead
            .front()
            .is_some_and(|(ahead, _)| *ahead == number);
        if is_expected && is_same_link(link, &address) {
            return list.ahead.pop_front().map(|(_, page)| (address, page));
        }
        list.numbered = None;
        list.ahead.clear();
        None
    }

    /// Checks a link before it is followed.
    fn note(&mut self, link: &str) -> Result<()> {
        let reject = |why: String| {
            Err(VcsError::new(
                ErrorKind::INVALID_RESPONSE,
                format!("the list cannot be followed to its end: {why}"),
            ))
        };
        if !self.http.is_api_address(link) {
            return reject(format!(
                "its next page is at another place than the API: {}",
                self.secrets.clean(&crate::http::shown_address(link))
            ));
        }
        if !self.links.insert(link.to_owned()) {
            return reject("its pages lead in a circle".to_owned());
        }
        self.pages += 1;
        if self.pages > self.http.limits().pages {
            return reject(format!(
                "it has more than {} pages (maxPages)",
                self.http.limits().pages
            ));
        }
        Ok(())
    }
}

impl ListState<'_> {
    fn new(request: Request) -> Self {
        Self {
            request,
            length: 0,
            first: FirstPage::NotAsked,
            numbered: None,
            asked: 1,
            ahead: VecDeque::new(),
        }
    }

    /// The request for the first page.
    fn ask(&mut self, page_length: u64, left: Option<u64>) -> Request {
        self.length = left.map_or(page_length, |left| left.min(page_length));
        first_request(&self.request, self.length, None)
    }
}

/// Passes on the page that was read and says how the list goes on.
fn deliver(items: &mut dyn PageReader, next: Option<String>) -> Result<NextPage> {
    if items.yield_page()? == Flow::STOP {
        return Ok(NextPage::Stop);
    }
    Ok(match next.filter(|next| !next.is_empty()) {
        Some(next) if items.left() != Some(0) => NextPage::At(next),
        _ => NextPage::None,
    })
}

fn join(fetching: Fetching<'_>) -> Result<Response> {
    fetching
        .join()
        .map_err(|_| VcsError::new(ErrorKind::INTERNAL, "fetching a page of a list panicked"))?
}

fn fetch(http: &Http, context: &dyn CallContext, link: &str, number: u64) -> Result<Response> {
    http.send(context, &Request::get_address(link))
        .map_err(|error| on_page(error, number))
}

fn on_page(error: VcsError, number: u64) -> VcsError {
    error.in_context(format!("page {number} of the list"))
}

/// The caller's context, which also ends when the list no longer wants the
/// pages that are on their way.
struct Abandonable<'a> {
    context: &'a dyn CallContext,
    abandoned: &'a AtomicBool,
}

impl CallContext for Abandonable<'_> {
    fn time_left(&self) -> Option<Duration> {
        self.context.time_left()
    }

    fn is_cancelled(&self) -> bool {
        self.abandoned.load(Ordering::Acquire) || self.context.is_cancelled()
    }

    fn request_id(&self) -> String {
        self.context.request_id()
    }

    fn bypass_cache(&self) -> bool {
        self.context.bypass_cache()
    }
}

struct AbandonOnDrop<'a>(&'a AtomicBool);

impl Drop for AbandonOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}
