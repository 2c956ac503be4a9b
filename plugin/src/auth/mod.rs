//! The credentials: what each is made of, what header it gives, and how it is
//! renewed. Each is an [`Authorizer`](crate::http::Authorizer), which is all
//! that the HTTP layer knows of it.

mod fixed;
pub(crate) mod oauth;

pub(crate) use fixed::{FixedCredential, checked_access_token, checked_api_token, checked_email};
