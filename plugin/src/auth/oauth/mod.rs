//! OAuth 2.0 with a consumer: the consent flow, grants whose refresh tokens
//! rotate, and the client-credentials grant.
//!
//! Owns what is asked of the token endpoint and when. Grants are kept by the
//! host; this module stores a new pair before it uses it. It sends through the
//! HTTP layer and has no policy of its own for retries or time-outs.

mod client_credentials;
mod consent;
mod grant;
mod single_flight;
mod token_endpoint;

pub(crate) use client_credentials::ClientCredentials;
pub(crate) use consent::consent_redirect;
pub(crate) use grant::{GrantAuthorizer, first_grant};
pub(crate) use token_endpoint::TokenEndpoint;
