//! Reads what is asked of the reason catalogue.

use super::reader::{Path, Reader, language_tag};
use crate::domain::{Fault, ReasonCode, opaque_id};
use crate::grpc::pb;

const VERSION_MAX: usize = 64;

/// The texts that are asked for; both are empty where nothing was said.
pub struct CatalogQuery {
    pub locale: String,
    pub version: String,
}

/// All codes.
pub fn list_reason_codes(
    mut r: Reader,
    request: &pb::ListReasonCodesRequest,
) -> Result<CatalogQuery, Vec<Fault>> {
    let query = query(&mut r, &request.locale, &request.catalog_version);
    r.finish(Some(query))
}

/// One code; `None` for a number that this server does not know.
pub fn get_reason_code(
    mut r: Reader,
    request: &pb::GetReasonCodeRequest,
) -> Result<(Option<ReasonCode>, CatalogQuery), Vec<Fault>> {
    if request.code == 0 {
        r.fault(&Path::ROOT.field("code"), "required");
    }
    let query = query(&mut r, &request.locale, &request.catalog_version);
    r.finish(Some((ReasonCode::from_number(request.code), query)))
}

fn query(r: &mut Reader, locale: &str, version: &str) -> CatalogQuery {
    let locale = r.optional(&Path::ROOT.field("locale"), locale, language_tag);
    let version_at = Path::ROOT.field("catalog_version");
    let version = r.optional(&version_at, version, |text| opaque_id(text, VERSION_MAX));
    CatalogQuery {
        locale: locale.unwrap_or_default(),
        version: version.unwrap_or_default().to_owned(),
    }
}
