//! Routes, and what the OpenAPI document says of them: both are made by one call, so
//! that neither has what the other lacks.

use super::Shared;
use super::openapi::{Documented, Operation};
use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodFilter, on};
use std::sync::Arc;
use utoipa::openapi::HttpMethod;

/// A group of routes.
pub(super) struct Routes {
    prefix: &'static str,
    pub(super) router: Router<Arc<Shared>>,
    pub(super) operations: Vec<Documented>,
}

impl Routes {
    /// Routes below a path.
    pub(super) fn below(prefix: &'static str) -> Self {
        Self {
            prefix,
            router: Router::new(),
            operations: Vec::new(),
        }
    }

    pub(super) fn new() -> Self {
        Self::below("")
    }

    pub(super) fn get<H, T>(self, path: &str, handler: H, operation: Operation) -> Self
    where
        H: Handler<T, Arc<Shared>>,
        T: 'static,
    {
        self.on(MethodFilter::GET, HttpMethod::Get, path, handler, operation)
    }

    pub(super) fn post<H, T>(self, path: &str, handler: H, operation: Operation) -> Self
    where
        H: Handler<T, Arc<Shared>>,
        T: 'static,
    {
        self.on(
            MethodFilter::POST,
            HttpMethod::Post,
            path,
            handler,
            operation,
        )
    }

    pub(super) fn put<H, T>(self, path: &str, handler: H, operation: Operation) -> Self
    where
        H: Handler<T, Arc<Shared>>,
        T: 'static,
    {
        self.on(MethodFilter::PUT, HttpMethod::Put, path, handler, operation)
    }

    pub(super) fn delete<H, T>(self, path: &str, handler: H, operation: Operation) -> Self
    where
        H: Handler<T, Arc<Shared>>,
        T: 'static,
    {
        self.on(
            MethodFilter::DELETE,
            HttpMethod::Delete,
            path,
            handler,
            operation,
        )
    }

    fn on<H, T>(
        mut self,
        filter: MethodFilter,
        method: HttpMethod,
        path: &str,
        handler: H,
        operation: Operation,
    ) -> Self
    where
        H: Handler<T, Arc<Shared>>,
        T: 'static,
    {
        let path = format!("{}{path}", self.prefix);
        self.router = self.router.route(&path, on(filter, handler));
        self.operations.push(Documented {
            // A wildcard is a parameter like any other to the document.
            path: path.replace("{*", "{"),
            method,
            operation,
        });
        self
    }

    /// These and others.
    pub(super) fn merge(mut self, others: Self) -> Self {
        self.router = self.router.merge(others.router);
        self.operations.extend(others.operations);
        self
    }
}
