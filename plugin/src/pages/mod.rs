//! Follows lists page by page.
//!
//! Owns: when a list ends, which links may be followed, that no item comes
//! twice, and the fetching ahead of numbered lists. Must not know: what the
//! items mean.
//!
//! Bitbucket promises `values` and `next` only. A list whose first page is
//! number 1, says how many items there are and has `page=2` in its `next` is
//! numbered: its pages are fetched several at a time and passed on in their
//! order. As soon as such a list behaves otherwise, its links are followed one
//! by one, as those of every other list.

mod numbered;

use crate::http::{Http, Request, Response};
use crate::page_length::{List, longest_page};
use numbered::{Numbered, is_same_link};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;
use vcs_provider_interface::prelude::*;

/// The fields of the envelope, for `fields=`.
pub(crate) const ENVELOPE: &str = "next,size,page,pagelen";

/// An item of a list.
pub(crate) trait ListItem: DeserializeOwned + Send {
    /// What tells it from the other items; `None` keeps it in any case.
    fn id(&self) -> Option<&str>;
}

#[derive(Deserialize)]
#[serde(bound = "W: DeserializeOwned")]
struct Page<W> {
    size: Option<u64>,
    page: Option<u64>,
    pagelen: Option<u64>,
    next: Option<String>,
    values: Vec<W>,
}

/// A list that is about to be read.
pub(crate) struct Pager<'a> {
    http: &'a Http,
    context: &'a dyn CallContext,
    request: Request,
    page_length: u64,
    limit: Option<u64>,
}

impl<'a> Pager<'a> {
    /// The list that this request begins; the page length is added here.
    pub(crate) fn new(
        http: &'a Http,
        context: &'a dyn CallContext,
        list: List,
        request: Request,
    ) -> Self {
        Self {
            http,
            context,
            request,
            page_length: longest_page(list),
            limit: None,
        }
    }

    /// The same list, of which only so many items are wanted.
    #[must_use]
    pub(crate) fn limit(mut self, limit: Option<u64>) -> Self {
        self.limit = limit;
        self
    }

    /// Pushes the list into a sink.
    ///
    /// # Errors
    /// Of the requests, of `convert` and of the sink; `InvalidResponse` for
    /// links that cannot be followed.
    pub(crate) fn push<W: ListItem, T>(
        self,
        sink: &mut dyn PageSink<T>,
        mut convert: impl FnMut(W) -> Result<T>,
    ) -> Result<Flow> {
        self.each(&mut |values: Vec<W>, total| {
            let items = values
                .into_iter()
                .map(&mut convert)
                .collect::<Result<Vec<T>>>()?;
            sink.page(items, total)
        })
    }

    /// Reads the whole list into memory, for short ones.
    ///
    /// # Errors
    /// As for [`Pager::push`].
    pub(crate) fn collect<W: ListItem>(self) -> Result<Vec<W>> {
        let mut all = Vec::new();
        self.each(&mut |mut values: Vec<W>, _| {
            all.append(&mut values);
            Ok(Flow::CONTINUE)
        })?;
        Ok(all)
    }

    /// Visits the pages in order; an empty one is not shown.
    ///
    /// # Errors
    /// As for [`Pager::push`].
    pub(crate) fn each<W: ListItem>(
        self,
        visit: &mut dyn FnMut(Vec<W>, Option<u64>) -> Result<Flow>,
    ) -> Result<Flow> {
        let mut items = Items {
            page: Vec::new(),
            size: None,
            left: self.limit,
            seen: HashSet::new(),
            visit,
        };
        self.walk(&mut items)
    }

    fn walk(self, items: &mut dyn PageReader) -> Result<Flow> {
        if self.limit == Some(0) {
            return Ok(Flow::CONTINUE);
        }
        let length = self
            .limit
            .map_or(self.page_length, |limit| limit.min(self.page_length));
        let request = self.request.clone().query("pagelen", &length.to_string());
        let mut walk = PageStream {
            http: self.http,
            context: self.context,
            links: HashSet::from([self.http.address(&request)]),
            pages: 1,
            items,
        };
        let response = self.http.send(self.context, &request)?;
        let first = walk.items.read(&response)?;
        let numbered = Numbered::recognise(&first, length, self.limit);
        let mut next = walk.deliver(first.next)?;
        if let (Step::Next(_), Some(numbered)) = (&next, numbered) {
            // What is fetched ahead was not looked at yet, so a link to another
            // place must not get that far.
            let is_near = walk.http.is_api_address(&numbered.address(2));
            if is_near && walk.http.limits().parallel > 1 && numbered.pages > 2 {
                next = walk.ahead(&numbered)?;
            }
        }
        walk.follow(next)
    }
}

/// What a page says besides its items.
struct Envelope {
    size: Option<u64>,
    page: Option<u64>,
    pagelen: Option<u64>,
    next: Option<String>,
    /// How many items came with it.
    items: u64,
}

/// The items of a list, of whatever type. The walk along the pages goes through
/// this, so that it is in the library once and not once for each type.
trait PageReader {
    /// Reads a page and keeps its items.
    fn read(&mut self, response: &Response) -> Result<Envelope>;

    /// Passes the kept items on, but none that came before and none that is not
    /// wanted any more.
    fn yield_page(&mut self) -> Result<Flow>;

    /// Whether as many items as wanted were passed on.
    fn is_enough(&self) -> bool;
}

/// What is kept of an item that was passed on: enough to know it again,
/// and little, since a list can be long. Two items with the same half of a
/// SHA-256 do not happen.
type Fingerprint = [u8; 16];

fn fingerprint(id: &str) -> Fingerprint {
    let mut mark = Fingerprint::default();
    mark.copy_from_slice(&Sha256::digest(id)[..16]);
    mark
}

struct Items<'v, W> {
    page: Vec<W>,
    size: Option<u64>,
    /// Items still wanted; `None` wants all.
    left: Option<u64>,
    seen: HashSet<Fingerprint>,
    visit: &'v mut dyn FnMut(Vec<W>, Option<u64>) -> Result<Flow>,
}

impl<W: ListItem> PageReader for Items<'_, W> {
    fn read(&mut self, response: &Response) -> Result<Envelope> {
        let page: Page<W> = response.json()?;
        self.page = page.values;
        self.size = page.size;
        Ok(Envelope {
            size: page.size,
            page: page.page,
            pagelen: page.pagelen,
            next: page.next,
            items: self.page.len() as u64,
        })
    }

    fn yield_page(&mut self) -> Result<Flow> {
        let mut values = std::mem::take(&mut self.page);
        let seen = &mut self.seen;
        values.retain(|item| item.id().is_none_or(|id| seen.insert(fingerprint(id))));
        if let Some(left) = &mut self.left {
            values.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= values.len() as u64;
        }
        if values.is_empty() {
            return Ok(Flow::CONTINUE);
        }
        (self.visit)(values, self.size)
    }

    fn is_enough(&self) -> bool {
        self.left == Some(0)
    }
}

/// How a list goes on after a page.
enum Step {
    /// There are no more items, or enough.
    End,
    /// The visitor wants no more.
    Stop,
    /// Here.
    Next(String),
}

struct PageStream<'a, 'v> {
    http: &'a Http,
    context: &'a dyn CallContext,
    links: HashSet<String>,
    pages: u64,
    items: &'v mut dyn PageReader,
}

impl PageStream<'_, '_> {
    /// Passes on the page that was read and says how the list goes on.
    fn deliver(&mut self, next: Option<String>) -> Result<Step> {
        if self.items.yield_page()? == Flow::STOP {
            return Ok(Step::Stop);
        }
        Ok(match next.filter(|next| !next.is_empty()) {
            Some(next) if !self.items.is_enough() => Step::Next(next),
            _ => Step::End,
        })
    }

    /// Reads a page that was fetched and passes it on.
    fn take(&mut self, response: &Response, number: u64) -> Result<Step> {
        let page = self
            .items
            .read(response)
            .map_err(|error| on_page(error, number))?;
        self.deliver(page.next)
    }

    /// Follows the links one by one.
    fn follow(&mut self, mut step: Step) -> Result<Flow> {
        loop {
            let link = match step {
                Step::End => return Ok(Flow::CONTINUE),
                Step::Stop => return Ok(Flow::STOP),
                Step::Next(link) => link,
            };
            self.note(&link)?;
            let response = fetch(self.http, self.context, &link, self.pages)?;
            step = self.take(&response, self.pages)?;
        }
    }

    /// Fetches numbered pages several at a time, passes them on in order, and
    /// says where the list goes on once it is not as it was expected.
    fn ahead(&mut self, numbered: &Numbered) -> Result<Step> {
        let http = self.http;
        let abandoned = AtomicBool::new(false);
        let context = &Abandonable {
            context: self.context,
            abandoned: &abandoned,
        };
        thread::scope(|scope| {
            let _abandon = AbandonOnDrop(&abandoned);
            let mut in_flight: VecDeque<(u64, ScopedJoinHandle<'_, Result<Response>>)> =
                VecDeque::new();
            let mut to_fetch = 2..=numbered.pages;
            let mut step = Step::Next(numbered.address(2));
            loop {
                while in_flight.len() < http.limits().parallel {
                    let Some(number) = to_fetch.next() else { break };
                    let address = numbered.address(number);
                    let handle = scope.spawn(move || fetch(http, context, &address, number));
                    in_flight.push_back((number, handle));
                }
                let (Step::Next(link), Some((number, handle))) = (&step, in_flight.pop_front())
                else {
                    return Ok(step);
                };
                if !is_same_link(link, &numbered.address(number)) {
                    return Ok(step);
                }
                let response = handle.join().map_err(|_| {
                    VcsError::new(ErrorKind::INTERNAL, "fetching a page of a list panicked")
                })??;
                self.note(&numbered.address(number))?;
                step = self.take(&response, number)?;
            }
        })
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
                crate::http::shown_address(link)
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
