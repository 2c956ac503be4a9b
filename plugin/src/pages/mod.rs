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
//!
//! Several lists can be read as one, in their order: their first pages are
//! asked for side by side, and as each says how many pages it has, the pages
//! are fetched side by side across the lists.

mod numbered;
mod stream;

use crate::http::{Http, Request, Response};
use crate::page_length::{List, longest_page};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use stream::PageStream;
use vcs_provider_interface::prelude::*;

/// The fields of the envelope, for `fields=`.
pub(crate) const ENVELOPE: &str = "next,size,page,pagelen";

/// An item of a list.
pub(crate) trait ListItem: DeserializeOwned + Send {
    /// What tells it from the other items; `None` keeps it in any case.
    fn id(&self) -> Option<&str>;
}

#[derive(Deserialize)]
#[serde(bound = "W: Deserialize<'de>")]
struct Page<W> {
    size: Option<u64>,
    page: Option<u64>,
    pagelen: Option<u64>,
    next: Option<String>,
    values: Vec<W>,
}

/// A list, or several one after the other, about to be read.
pub(crate) struct Pager<'a> {
    http: &'a Http,
    context: &'a dyn CallContext,
    requests: Vec<Request>,
    page_length: u64,
    limit: Option<u64>,
    first: Option<Response>,
}

/// What is done with a list whose first page is an error: which of them it is,
/// and the error. An error in return ends the reading.
pub(crate) type OnRejection<'r> = dyn FnMut(usize, VcsError) -> Result<()> + 'r;

impl<'a> Pager<'a> {
    /// The list that this request begins; the page length is added here.
    pub(crate) fn new(
        http: &'a Http,
        context: &'a dyn CallContext,
        list: List,
        request: Request,
    ) -> Self {
        Self::of_all(http, context, list, vec![request])
    }

    /// The lists that these requests begin, one after the other.
    pub(crate) fn of_all(
        http: &'a Http,
        context: &'a dyn CallContext,
        list: List,
        requests: Vec<Request>,
    ) -> Self {
        Self {
            http,
            context,
            requests,
            page_length: longest_page(list),
            limit: None,
            first: None,
        }
    }

    /// The same list, of which only so many items are wanted.
    #[must_use]
    pub(crate) fn limit(mut self, limit: Option<u64>) -> Self {
        self.limit = limit;
        self
    }

    /// Asks for the first page of the list, which [`Pager::begin_with`] takes.
    ///
    /// # Errors
    /// Of the request.
    pub(crate) fn first_page(&self) -> Result<Option<Response>> {
        match self.requests.first() {
            Some(request) if self.limit != Some(0) => {
                let request = stream::first_request(request, self.page_length, self.limit);
                self.http.send(self.context, &request).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The same list, whose first page is here already.
    #[must_use]
    pub(crate) fn begin_with(mut self, first: Option<Response>) -> Self {
        self.first = first;
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
        convert: impl FnMut(W) -> Result<T>,
    ) -> Result<Flow> {
        self.push_all(sink, convert, &mut |_, error| Err(error))
    }

    /// Pushes the lists into a sink, and lets `rejected` decide on those that
    /// cannot be begun.
    ///
    /// # Errors
    /// As for [`Pager::push`], and of `rejected`.
    pub(crate) fn push_all<W: ListItem, T>(
        self,
        sink: &mut dyn PageSink<T>,
        mut convert: impl FnMut(W) -> Result<T>,
        rejected: &mut OnRejection<'_>,
    ) -> Result<Flow> {
        // The size of one list is not that of several.
        let is_one = self.requests.len() == 1;
        self.visit(
            &mut |values: Vec<W>, total| {
                let items = values
                    .into_iter()
                    .map(&mut convert)
                    .collect::<Result<Vec<T>>>()?;
                sink.page(items, total.filter(|_| is_one))
            },
            rejected,
        )
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
        self.visit(visit, &mut |_, error| Err(error))
    }

    fn visit<W: ListItem>(
        self,
        visit: &mut dyn FnMut(Vec<W>, Option<u64>) -> Result<Flow>,
        rejected: &mut OnRejection<'_>,
    ) -> Result<Flow> {
        if self.limit == Some(0) {
            return Ok(Flow::CONTINUE);
        }
        let mut items = Items {
            page: Vec::new(),
            size: None,
            left: self.limit,
            seen: HashSet::new(),
            visit,
        };
        PageStream::read(self, &mut items, rejected)
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

impl Envelope {
    /// Reads no more of a page than what tells how the list goes on.
    fn peek(response: &Response) -> Option<Self> {
        response.json::<Page<IgnoredAny>>().ok().map(|page| Self {
            size: page.size,
            page: page.page,
            pagelen: page.pagelen,
            next: page.next,
            items: page.values.len() as u64,
        })
    }
}

/// The items of a list, of whatever type. The walk along the pages goes through
/// this, so that it is in the library once and not once for each type.
trait PageReader {
    /// Reads a page and keeps its items.
    fn read(&mut self, response: &Response) -> Result<Envelope>;

    /// Passes the kept items on, but none that came before and none that is not
    /// wanted any more.
    fn yield_page(&mut self) -> Result<Flow>;

    /// How many items are still wanted; `None` for all.
    fn left(&self) -> Option<u64>;
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

    fn left(&self) -> Option<u64> {
        self.left
    }
}
