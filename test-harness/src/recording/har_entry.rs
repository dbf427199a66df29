//! One entry of a HAR, as proxies (mitmproxy) and browsers write it.

use jiff::Timestamp;

use super::body::{Announced, Evidence, Followed, from_decoded_text, is_bodiless, weigh};
use super::encoded::{decode_base64, timestamp};
use super::exchange::{Exchange, Field, Ids, Position, RecordedBody, RecordedRequest, RecordedResponse};
use super::head::{Target, from_wire, split_url};
use super::json::{Cursor, Fault, Text};

/// `request` of an entry.
#[derive(Debug, Default)]
struct Request {
    method: Text,
    url: Text,
    headers: Vec<Field>,
    post_data: Option<PostData>,
    /// Size on the wire; -1 and `None`: not known.
    body_size: Option<i64>,
}

/// `request.postData`.
#[derive(Debug, Default)]
struct PostData {
    text: Option<Text>,
    params: Vec<(Text, Text)>,
    /// Not in HAR 1.2, and written by some tools: `base64`.
    encoding: Option<Text>,
}

/// `response` of an entry.
#[derive(Debug, Default)]
struct Response {
    status: i64,
    headers: Vec<Field>,
    text: Option<Text>,
    encoding: Option<Text>,
    /// Length of the decoded content.
    size: Option<i64>,
}

/// Reads one element of `log.entries`. `None`: the URL is no HTTP URL, so no gateway saw it.
pub(super) fn read_entry(json: &[u8], index: u64, position: &Position) -> Result<Option<Exchange>, Fault> {
    let mut time: Option<Timestamp> = None;
    let (mut request, mut response) = (None, Response::default());
    let mut cursor = Cursor::new(json);
    cursor.object(|name, value| {
        match name {
            b"startedDateTime" => {
                let text = value.optional_text()?;
                time = text.map(|text| timestamp("startedDateTime", &text.bytes)).transpose()?;
            }
            b"request" => request = Some(read_request(value)?),
            b"response" if !value.null() => response = read_response(value)?,
            b"response" => {}
            _ => value.skip()?,
        }
        Ok(())
    })?;
    cursor.end()?;
    let request = request.ok_or_else(|| Fault::new("the entry has no `request`"))?;
    if request.method.bytes.is_empty() {
        return Err(Fault::new("the request has no `method`"));
    }
    let Some(mut target) = split_url(&request.url.bytes) else {
        return reject_url(&request.url);
    };
    target.method = Some(request.method.bytes.clone());
    if request.method.bytes == b"CONNECT" {
        // RFC 9113 §8.5: a tunnel has an authority and nothing else.
        (target.path, target.scheme) = (None, None);
    }
    Ok(Some(exchange(index, position, time, request, target, response)))
}

fn reject_url(url: &Text) -> Result<Option<Exchange>, Fault> {
    let text = String::from_utf8_lossy(&url.bytes);
    let scheme = text.split(':').next().unwrap_or_default().to_ascii_lowercase();
    let web = ["http", "https", "ws", "wss"].contains(&scheme.as_str());
    if text.contains(':') && !web {
        return Ok(None);
    }
    let start: String = text.chars().take(60).collect();
    Err(Fault(format!("`url` is `{}`, not an absolute URL", start.escape_debug())))
}

fn exchange(
    index: u64,
    position: &Position,
    time: Option<Timestamp>,
    request: Request,
    target: Target,
    response: Response,
) -> Exchange {
    let Request { method, headers, post_data, body_size, .. } = request;
    let announced = Announced::by(&lower_case(&headers));
    let evidence = request_evidence(post_data, &announced);
    let body = match (weigh(evidence, &announced, Followed::ToTheEnd), body_size) {
        (RecordedBody::Empty, Some(size)) if size > 0 => {
            RecordedBody::Missing { reason: format!("bodySize says {size} and no body was recorded") }
        }
        // Browsers that show provisional headers leave content-length out.
        (RecordedBody::Empty, None | Some(..0)) if announced.length.is_none() && !may_lack_body(&method.bytes) => {
            RecordedBody::Missing { reason: "the HAR does not say whether there was a body".into() }
        }
        (body, _) => body,
    };
    let headers = from_wire(target, headers);
    let response = (response.status > 0).then(|| recorded_response(response, &headers)).flatten();
    let request = RecordedRequest { headers, body, ..RecordedRequest::default() };
    let request_id = request.header("x-request-id").map(|id| String::from_utf8_lossy(id).into_owned());
    let ids = Ids { request_id, trace_id: None };
    Exchange { index, position: position.clone(), time, request, response, ids }
}

/// Methods whose requests carry a body only if they announce one.
fn may_lack_body(method: &[u8]) -> bool {
    [&b"GET"[..], b"HEAD", b"OPTIONS", b"TRACE", b"CONNECT"].contains(&method)
}

fn request_evidence(post_data: Option<PostData>, announced: &Announced) -> Evidence {
    let Some(PostData { text, params, encoding }) = post_data else {
        return Evidence::None;
    };
    let text = text.filter(|text| !text.bytes.is_empty());
    match text {
        Some(_) if announced.encoded => {
            Evidence::Lost("the body was encoded (content-encoding) and a HAR holds it decoded".into())
        }
        Some(text) if is_base64(encoding.as_ref()) => decode_base64(&text.bytes)
            .map_or_else(|| Evidence::Lost("`postData.text` is not base64".into()), Evidence::Bytes),
        Some(text) => from_decoded_text(text, announced),
        None if params.is_empty() => Evidence::None,
        None => form_evidence(&params, announced),
    }
}

/// Puts a form together that was recorded as parameters only. How its characters were escaped
/// is not recorded; only where nothing needed escaping, and the length proves it, are these the
/// bytes.
fn form_evidence(params: &[(Text, Text)], announced: &Announced) -> Evidence {
    let plain = |text: &Text| text.bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"*-._".contains(byte));
    let pairs: Vec<Vec<u8>> =
        params.iter().map(|(name, value)| [&name.bytes[..], b"=", &value.bytes].concat()).collect();
    let body = pairs.join(&b'&');
    let length = u64::try_from(body.len()).ok();
    if params.iter().all(|(name, value)| plain(name) && plain(value)) && announced.length == length {
        return Evidence::Bytes(body);
    }
    Evidence::Lost("the HAR holds the parameters of the form and not its text".into())
}

fn recorded_response(response: Response, request: &[Field]) -> Option<RecordedResponse> {
    let Response { status, headers, text, encoding, size } = response;
    let status = u16::try_from(status).ok()?;
    let mut fields = vec![(b":status".to_vec(), status.to_string().into_bytes())];
    fields.extend(lower_case(&headers).into_iter().filter(|(name, _)| !name.starts_with(b":")));
    let mut announced = Announced::by(&fields);
    let encoded = announced.encoded;
    if is_bodiless(request, &fields) {
        announced.length = Some(0);
    }
    let base64 = is_base64(encoding.as_ref());
    let evidence = match text.filter(|text| !text.bytes.is_empty()) {
        None => Evidence::None,
        Some(text) if base64 => decode_base64(&text.bytes)
            .map_or_else(|| Evidence::Lost("`content.text` is not base64".into()), Evidence::Bytes),
        Some(text) => from_decoded_text(text, &announced),
    };
    if encoded && !matches!(evidence, Evidence::None) {
        // content-length counts the bytes on the wire.
        announced.length = None;
    }
    let body = match weigh(evidence, &announced, Followed::ToTheEnd) {
        RecordedBody::Empty if size.is_some_and(|size| size > 0) && announced.length != Some(0) => {
            RecordedBody::Missing { reason: "the HAR holds the size of the content only".into() }
        }
        body => body,
    };
    let decoded = encoded && matches!(body, RecordedBody::Complete(_));
    Some(RecordedResponse { status, headers: fields, body, trailers: Vec::new(), decoded })
}

fn is_base64(encoding: Option<&Text>) -> bool {
    encoding.is_some_and(|encoding| encoding.bytes.eq_ignore_ascii_case(b"base64"))
}

fn lower_case(fields: &[Field]) -> Vec<Field> {
    fields.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect()
}

fn read_request(cursor: &mut Cursor<'_>) -> Result<Request, Fault> {
    let mut request = Request::default();
    cursor.object(|name, value| {
        match name {
            b"method" => request.method = value.text()?,
            b"url" => request.url = value.text()?,
            b"headers" => request.headers = read_headers(value)?,
            b"postData" if !value.null() => request.post_data = Some(read_post_data(value)?),
            b"postData" => {}
            b"bodySize" => request.body_size = value.integer()?,
            _ => value.skip()?,
        }
        Ok(())
    })?;
    Ok(request)
}

fn read_post_data(cursor: &mut Cursor<'_>) -> Result<PostData, Fault> {
    let mut data = PostData::default();
    cursor.object(|name, value| {
        match name {
            b"text" => data.text = value.optional_text()?,
            b"encoding" => data.encoding = value.optional_text()?,
            b"params" if !value.null() => data.params = read_pairs(value)?,
            b"params" => {}
            _ => value.skip()?,
        }
        Ok(())
    })?;
    Ok(data)
}

fn read_response(cursor: &mut Cursor<'_>) -> Result<Response, Fault> {
    let mut response = Response::default();
    cursor.object(|name, value| {
        match name {
            b"status" => response.status = value.integer()?.unwrap_or_default(),
            b"headers" => response.headers = read_headers(value)?,
            b"content" if !value.null() => value.object(|name, value| {
                match name {
                    b"text" => response.text = value.optional_text()?,
                    b"encoding" => response.encoding = value.optional_text()?,
                    b"size" => response.size = value.integer()?,
                    _ => value.skip()?,
                }
                Ok(())
            })?,
            b"content" => {}
            _ => value.skip()?,
        }
        Ok(())
    })?;
    Ok(response)
}

fn read_headers(cursor: &mut Cursor<'_>) -> Result<Vec<Field>, Fault> {
    let pairs = read_pairs(cursor)?;
    Ok(pairs.into_iter().map(|(name, value)| (name.bytes, value.bytes)).collect())
}

/// A list of `{name, value}`; an uploaded file has a name only.
fn read_pairs(cursor: &mut Cursor<'_>) -> Result<Vec<(Text, Text)>, Fault> {
    let mut pairs = Vec::new();
    cursor.array(|element| {
        let (mut name, mut value) = (Text::default(), Text::default());
        element.object(|member, content| {
            match member {
                b"name" => name = content.text()?,
                b"value" => value = content.optional_text()?.unwrap_or_default(),
                _ => content.skip()?,
            }
            Ok(())
        })?;
        pairs.push((name, value));
        Ok(())
    })?;
    Ok(pairs)
}
