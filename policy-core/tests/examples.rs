//! Whole pages for four agents, as far as they need no history and no current state, and what they say of requests
//! that a gateway is known to get wrong. Each case is named; `allow`, `approve` and `deny` are what the owner of the
//! API wants.

mod support;

use std::sync::Arc;

use policy_core::PolicySet;
use policy_core::compile::{Source, SourceKind};
use support::catalogs::POSTGREST;
use support::pages::GATEWAY;
use support::{Request, judge, policy, request, source};

/// id, decision, method and target, content type and more headers, body
type Case<'c> = (&'c str, &'c str, &'c str, &'c [(&'c str, &'c str)], Option<&'c str>);

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];
const NONE: &[(&str, &str)] = &[];

fn page(catalog: &str, rules: &str) -> Arc<PolicySet> {
    let template = format!(
        r#"{{ "ambit": "v1", "agent": {{ "name": "agent", "purpose": "an example", "impact": "medium" }}, "version": "1",
             "valid": {{ "from": "2026-11-01T00:00:00Z", "until": "2026-12-01T00:00:00Z" }}, "mode": "enforce",
             "owners": {{ "product": "x" }}, {rules} }}"#
    );
    let sources: [Source; 3] = [
        source(SourceKind::Gateway, GATEWAY.replace("\"body_kib\": 1", "\"body_kib\": 256")),
        source(SourceKind::Catalog, catalog),
        source(SourceKind::Template, template),
    ];
    policy(&sources)
}

#[track_caller]
fn judged(set: &Arc<PolicySet>, host: &str, cases: &[Case<'_>]) {
    for (id, expect, line, headers, body) in cases {
        let mut request: Request = request(line).host(host).header("accept", "application/json");
        for (name, value) in *headers {
            request = request.header(name, value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let outcome = judge(set, &request);
        let decision = match outcome.decision.name() {
            "approval_required" => "approve",
            other => other,
        };
        assert_eq!(decision, *expect, "{id}: {:#?}", outcome.reasons);
    }
}

const CALENDAR: &str = r#"{
  "catalog": "calendar", "base": "/calendar/v3", "vars": { "calendarId": "text", "eventId": "[a-v0-9_]{5,1024}" },
  "guarded": { "query": ["access_token", "oauth_token", "key", "callback"] },
  "resources": {
    "lists": { "actions": { "list": { "endpoints": ["GET /users/me/calendarList", "GET /colors", "POST /freeBusy"], "effect": "read" } } },
    "events": {
      "key": "path.eventId",
      "fields": {
        "summary": { "at": "/summary", "type": "string" }, "description": { "at": "/description" }, "location": { "at": "/location" },
        "start": { "at": "/start" }, "end": { "at": "/end" }, "attendees": { "at": "/attendees" }, "reminders": { "at": "/reminders" },
        "transparency": { "at": "/transparency" }, "recurrence": { "at": "/recurrence" }
      },
      "actions": {
        "list": { "endpoints": ["GET /calendars/{calendarId}/events"], "effect": "read" },
        "get": { "endpoints": ["GET /calendars/{calendarId}/events/{eventId}", "GET /calendars/{calendarId}/events/{eventId}/instances"], "effect": "read" },
        "insert": { "endpoints": ["POST /calendars/{calendarId}/events"], "effect": "gate" },
        "patch": { "endpoints": ["PATCH /calendars/{calendarId}/events/{eventId}"], "effect": "gate" },
        "delete": { "endpoints": ["DELETE /calendars/{calendarId}/events/{eventId}"], "effect": "gate" },
        "quick_add": { "endpoints": ["POST /calendars/{calendarId}/events/quickAdd"], "effect": "gate" }
      }
    }
  }
}"#;

/// A calendar assistant: two calendars, no mail to guests, deletion after an approval (A2, A5, A6, A17).
#[test]
fn calendar_assistant() {
    let calendar = r#"{ "field": "path.calendarId", "in": ["primary", "team@example.com"] }"#;
    let quiet = r#"{ "field": "query.sendUpdates", "in": ["none"] }"#;
    let set = page(
        CALENDAR,
        &format!(
            r#""apis": {{ "cal": {{ "catalog": "calendar", "hosts": ["www.googleapis.com"] }} }},
               "approvers": {{ "calendar-owner": {{ "expires": "10m" }} }},
               "permit": [
                 {{ "id": "read", "scope": "cal:lists.read" }},
                 {{ "id": "read-events", "scope": "cal:events.read", "limits": [{calendar}] }},
                 {{ "id": "write-events", "scope": ["cal:events.insert", "cal:events.patch"], "query": {{ "only": ["sendUpdates"] }},
                    "fields": {{ "only": ["summary", "description", "location", "start/**", "end/**", "attendees/**", "reminders/**", "transparency"] }},
                    "limits": [{calendar}, {quiet}, {{ "count": "attendees", "max": 10 }}, {{ "field": "attendees/*/email", "domain": ["example.com"] }}] }},
                 {{ "id": "delete-event", "scope": "cal:events.delete", "query": {{ "only": ["sendUpdates"] }}, "limits": [{calendar}, {quiet}], "approval": "calendar-owner" }}
               ]"#
        ),
    );
    judged(
        &set,
        "www.googleapis.com",
        &[
            ("read-02", "allow", "GET /calendar/v3/calendars/team@example.com/events", NONE, None),
            ("read-05", "allow", "GET /calendar/v3/colors", NONE, None),
            (
                "read-07",
                "allow",
                "GET /calendar/v3/calendars/team%40example.com/events/abc123def/instances?timeZone=Europe%2FBerlin",
                NONE,
                None,
            ),
            (
                "write-03",
                "allow",
                "POST /calendar/v3/calendars/team%40example.com/events",
                JSON,
                Some(
                    r#"{"summary":"Review","start":{"dateTime":"2026-11-24T10:00:00Z"},"end":{"dateTime":"2026-11-24T10:30:00Z"},"description":"Agenda: 1) delete old events 2) clear backlog"}"#,
                ),
            ),
            (
                "write-05",
                "allow",
                "POST /calendar/v3/calendars/team%40example.com/events",
                JSON,
                Some(
                    r#"{"summary":"Review","start":{"dateTime":"2026-11-24T10:00:00Z"},"end":{"dateTime":"2026-11-24T10:30:00Z"},"location":"Zimmer 4 – Übersicht","transparency":"transparent"}"#,
                ),
            ),
            ("approval-01", "approve", "DELETE /calendar/v3/calendars/primary/events/abc123def", NONE, None),
            (
                "other_door-06",
                "deny",
                "POST /calendar/v3/calendars/primary/events",
                JSON,
                Some(
                    r#"{"summary":"Review","start":{"dateTime":"2026-11-24T10:00:00Z"},"recurrence":["RRULE:FREQ=DAILY;COUNT=730"]}"#,
                ),
            ),
            ("other_door-07", "deny", "POST /calendar/v3/calendars/primary/clear", NONE, None),
            ("other_door-10", "deny", "POST /calendar/v3/calendars/primary/events/quickAdd?text=Lunch", NONE, None),
            ("other_door-13", "deny", "GET /calendar/v3/calendars/team%2540example.com/events", NONE, None),
            ("mail", "deny", "DELETE /calendar/v3/calendars/primary/events/abc123def?sendUpdates=all", NONE, None),
            (
                "guest",
                "deny",
                "PATCH /calendar/v3/calendars/primary/events/abc123def",
                JSON,
                Some(r#"{"attendees":[{"email":"u@example.com"},{"email":"x@evil.example"}]}"#),
            ),
        ],
    );
}

/// A stock keeper on PostgREST: one row by its id, notes in bounded numbers (A4, A5, A6, A7).
#[test]
fn stock_keeper() {
    let set = page(
        POSTGREST,
        r#""apis": { "db": { "catalog": "postgrest", "hosts": ["proj.supabase.co"], "loosen": { "embedding": "any" },
             "headers": { "allow": ["prefer/return", "prefer/count", "prefer/handling", "prefer/max-affected"] },
             "limits": [{ "field": "header.prefer/return", "in": ["minimal", "representation"] }, { "field": "header.prefer/count", "in": ["exact", "planned", "estimated"] },
                        { "field": "header.prefer/handling", "in": ["strict"] }, { "field": "header.prefer/max-affected", "format": "integer", "max": 50 }] } },
           "permit": [
             { "id": "read", "scope": "db:rows.read[table=products|orders]" },
             { "id": "update", "scope": "db:rows.update[table=products]", "query": { "only": ["id", "select"], "require": ["id"] }, "fields": { "only": ["stock"], "require": ["stock"] },
               "limits": [{ "field": "query.id", "pattern": "eq\\.[1-9][0-9]{0,19}" }, { "field": "stock", "format": "integer", "min": 0, "max": 10000 }] },
             { "id": "note", "scope": "db:rows.insert[table=stock_notes]", "query": { "only": ["select", "columns"] }, "fields": { "only": ["product_id", "note"], "require": ["product_id", "note"] },
               "limits": [{ "count": "rows", "max": 50 }, { "field": "product_id", "format": "integer" }, { "field": "note", "format": "string", "length": { "max": 500 } }, { "field": "query.columns", "in": ["product_id", "note"] }] }
           ]"#,
    );
    let rows = |n: usize| {
        let rows: Vec<String> = (0..n).map(|i| format!(r#"{{"product_id":7,"note":"n{i}"}}"#)).collect();
        format!("[{}]", rows.join(","))
    };
    let (fifty, more) = (rows(50), rows(51));
    let upsert: &[(&str, &str)] = &[("content-type", "application/json"), ("prefer", "resolution=merge-duplicates")];
    let form: &[(&str, &str)] = &[("content-type", "application/x-www-form-urlencoded")];
    let ranged: &[(&str, &str)] = &[("prefer", "count=exact"), ("range-unit", "items"), ("range", "0-24")];
    judged(
        &set,
        "proj.supabase.co",
        &[
            (
                "read-01",
                "allow",
                "GET /rest/v1/orders?select=id,total,customer(name)&or=(status.eq.open,total.gt.100)&order=created_at.desc&limit=50",
                NONE,
                None,
            ),
            ("read-09", "allow", "GET /rest/v1/products?name=eq.%22a,b%22", ranged, None),
            ("read-10", "allow", "GET /rest/v1/products?select=count()", NONE, None),
            ("write-16", "allow", "POST /rest/v1/stock_notes", JSON, Some(&fifty)),
            ("rows", "deny", "POST /rest/v1/stock_notes", JSON, Some(&more)),
            ("stock", "allow", "PATCH /rest/v1/products?id=eq.7", JSON, Some(r#"{"stock":10000}"#)),
            ("stock-more", "deny", "PATCH /rest/v1/products?id=eq.7", JSON, Some(r#"{"stock":10001}"#)),
            ("all-rows", "deny", "PATCH /rest/v1/products", JSON, Some(r#"{"stock":1}"#)),
            ("some-rows", "deny", "PATCH /rest/v1/products?id=gt.0", JSON, Some(r#"{"stock":1}"#)),
            (
                "postgrest-21",
                "deny",
                "PUT /rest/v1/products?id=eq.7",
                JSON,
                Some(r#"{"id":7,"price":"80.00","stock":1}"#),
            ),
            ("postgrest-23", "deny", "DELETE /rest/v1/products", NONE, None),
            ("postgrest-25", "deny", "POST /rest/v1/stock_notes", upsert, Some(r#"{"product_id":7,"note":"x"}"#)),
            ("postgrest-29", "deny", "POST /rest/v1/stock_notes", form, Some("product_id=7&note=x")),
            ("postgrest-30", "deny", "POST /rest/v1/stock_notes", NONE, Some(r#"{"product_id":7,"note":"x"}"#)),
            ("postgrest-32", "deny", "GET /rest/v1/rpc/admin_report", NONE, None),
            ("postgrest-36", "deny", "GET /rest/v1/products?apikey=eyJhbGciOiJIUzI1NiJ9.x.y", NONE, None),
            ("postgrest-42", "deny", "GET /storage/v1/object/private/x", NONE, None),
        ],
    );
}

/// A triage agent on GitHub: one repository, sensitive reads left out, merging after an approval (A1, A2, A16).
#[test]
fn triage_agent() {
    let catalog = r#"{ "catalog": "github", "types": ["application/json", "application/vnd.github+json"], "guarded": { "query": ["access_token"] } }"#;
    let sensitive =
        ["actions/secrets", "actions/variables", "hooks", "keys", "collaborators", "environments", "actions/runners"];
    let forbidden: Vec<String> = sensitive
        .iter()
        .flat_map(|place| {
            [format!("\"gh:GET /repos/acme/web/{place}\""), format!("\"gh:GET /repos/acme/web/{place}/{{rest:path}}\"")]
        })
        .collect();
    let set = page(
        catalog,
        &format!(
            r#""apis": {{ "gh": {{ "catalog": "github", "hosts": ["api.github.com"] }} }}, "approvers": {{ "maintainer": {{}} }},
               "permit": [
                 {{ "id": "read", "endpoint": ["gh:GET /repos/acme/web", "gh:GET /repos/acme/web/{{rest:path}}"] }},
                 {{ "id": "comment", "endpoint": "gh:POST /repos/acme/web/issues/{{n}}/comments", "fields": {{ "only": ["/body"], "require": ["/body"] }}, "limits": [{{ "field": "/body", "format": "string", "length": {{ "max": 65536 }} }}] }},
                 {{ "id": "label", "endpoint": "gh:POST /repos/acme/web/issues/{{n}}/labels", "fields": {{ "only": ["/labels/*"], "require": ["/labels"] }}, "limits": [{{ "field": "/labels/*", "format": "string" }}] }},
                 {{ "id": "draft", "endpoint": "gh:POST /repos/acme/web/pulls", "fields": {{ "only": ["/title", "/head", "/base", "/body", "/draft"], "require": ["/draft"] }}, "limits": [{{ "field": "/draft", "in": [true] }}] }},
                 {{ "id": "merge", "endpoint": "gh:PUT /repos/acme/web/pulls/{{n}}/merge", "fields": "any", "approval": "maintainer" }}
               ],
               "forbid": [{{ "id": "sensitive", "endpoint": [{}] }}]"#,
            forbidden.join(", ")
        ),
    );
    let version: &[(&str, &str)] = &[("x-github-api-version", "2022-11-28")];
    let github: &[(&str, &str)] = &[("content-type", "application/vnd.github+json")];
    judged(
        &set,
        "api.github.com",
        &[
            (
                "draft-01",
                "allow",
                "POST /repos/acme/web/pulls",
                JSON,
                Some(r#"{"title":"x","head":"fix","base":"main","body":"y","draft":true}"#),
            ),
            ("read-04", "allow", "GET /repos/acme/web", version, None),
            ("read-10", "allow", "GET /repos/acme/web/commits?sha=main&path=src/a.rs", version, None),
            ("read-11", "allow", "GET /repos/acme/web/contents/.github/workflows/ci.yml", version, None),
            ("read-18", "allow", "GET /repos/acme/web/search-docs", version, None),
            (
                "write-02",
                "allow",
                "POST /repos/acme/web/issues/12/labels",
                github,
                Some(r#"{"labels":["bug","needs-triage"]}"#),
            ),
            (
                "write-04",
                "allow",
                "POST /repos/acme/web/issues/12/comments",
                JSON,
                Some(r#"{"body":"Thanks! See #12, @octo ❤️"}"#),
            ),
            ("approval-01", "approve", "PUT /repos/acme/web/pulls/3/merge", JSON, Some(r#"{"merge_method":"squash"}"#)),
            (
                "other_door-01",
                "deny",
                "POST /repos/acme/web/pulls",
                JSON,
                Some(r#"{"title":"x","head":"fix","base":"main"}"#),
            ),
            ("not-a-draft", "deny", "POST /repos/acme/web/pulls", JSON, Some(r#"{"title":"x","draft":"true"}"#)),
            (
                "other_door-06",
                "deny",
                "PATCH /repos/acme/web/git/refs/heads/main",
                JSON,
                Some(r#"{"sha":"0","force":true}"#),
            ),
            ("other_door-10", "deny", "GET /repos/acme/web/actions/secrets", NONE, None),
            ("one-secret", "deny", "HEAD /repos/acme/web/actions/secrets/TOKEN", NONE, None),
            ("other_door-13", "deny", "GET /repos/acme/web%2F..%2Finfra", NONE, None),
            ("other_door-15", "deny", "GET /repos/Acme/Web/issues", NONE, None),
            ("other_door-21", "deny", "GET /repositories/1296269", NONE, None),
            ("other_door-22", "deny", "DELETE /repos/acme/web/issues/12/labels/bug", NONE, None),
            ("prefix", "deny", "GET /repos/acme/website", NONE, None),
        ],
    );
}

const ORDERS: &str = r#"{
  "catalog": "woo", "base": "/wp-json/wc/v3", "write_query": ["_fields", "context"],
  "guarded": { "query": ["rest_route", "_jsonp", "_envelope", "consumer_key", "consumer_secret", "oauth_*"] },
  "quirks": { "php_names": true, "method_override": true, "route_in_query": true, "case_insensitive": true },
  "resources": {
    "orders": {
      "key": "path.id",
      "fields": { "status": { "at": "/status", "type": "string" }, "set_paid": { "at": "/set_paid" }, "line_items": { "at": "/line_items" } },
      "actions": {
        "list": { "endpoints": ["GET /orders"], "effect": "read" },
        "get": { "endpoints": ["GET /orders/{id}", "GET /orders/{id}/notes", "GET /orders/{id}/refunds"], "effect": "read" },
        "update": { "endpoints": ["PUT|PATCH|POST /orders/{id}"], "effect": "gate" },
        "delete": { "endpoints": ["DELETE /orders/{id}"], "effect": "door" },
        "batch": { "endpoints": ["POST /orders/batch"], "effect": "door", "rows": { "/update": { "action": "update", "key": "/id" }, "/delete": { "action": "delete", "key": "" } } }
      }
    },
    "notes": {
      "fields": { "note": { "at": "/note", "type": "string" }, "customer_note": { "at": "/customer_note", "type": "boolean" } },
      "actions": { "create": { "endpoints": ["POST /orders/{order_id}/notes"], "effect": "safe" } }
    },
    "refunds": {
      "fields": {
        "amount": { "at": "/amount", "type": "decimal", "digits": 7, "decimals": 2, "as": ["string"] }, "reason": { "at": "/reason", "type": "string" },
        "api_refund": { "at": "/api_refund", "type": "boolean" }, "api_restock": { "at": "/api_restock", "type": "boolean" }
      },
      "actions": { "create": { "endpoints": ["POST /orders/{order_id}/refunds"], "effect": "door" } }
    }
  }
}"#;

/// An order desk: the everyday states, small refunds on paper, the rest after an approval (A5, A7).
#[test]
fn order_desk() {
    let set = page(
        ORDERS,
        r#""apis": { "shop": { "catalog": "woo", "hosts": ["shop.example.com"] } }, "approvers": { "order-lead": {}, "finance": {} },
           "permit": [
             { "id": "read", "scope": "shop:orders.read" },
             { "id": "note", "scope": "shop:notes.create", "fields": { "only": ["note", "customer_note"], "require": ["note"] }, "limits": [{ "field": "customer_note", "in": [false] }] },
             { "id": "status", "scope": "shop:orders.update", "fields": { "only": ["status"], "require": ["status"] },
               "limits": [{ "id": "known", "field": "status", "in": ["processing", "on-hold", "completed", "cancelled", "refunded"] },
                          { "id": "everyday", "field": "status", "in": ["processing", "on-hold", "completed"], "beyond": { "approval": "order-lead" } }] },
             { "id": "refund", "scope": "shop:refunds.create", "fields": { "only": ["amount", "reason", "api_refund", "api_restock"], "require": ["amount", "api_refund"] },
               "limits": [{ "id": "cap", "field": "amount", "max": "50.00" }, { "id": "paper-only", "field": "api_refund", "in": [false], "beyond": { "approval": "finance" } }] }
           ]"#,
    );
    let refunds = "POST /wp-json/wc/v3/orders/7/refunds";
    let order = "PUT /wp-json/wc/v3/orders/7";
    judged(
        &set,
        "shop.example.com",
        &[
            ("read-02", "allow", "GET /wp-json/wc/v3/orders?search=cancelled&after=2026-11-01T00:00:00", NONE, None),
            ("read-04", "allow", "GET /wp-json/wc/v3/orders/7?_fields=id,total,status", NONE, None),
            (
                "write-01",
                "allow",
                "POST /wp-json/wc/v3/orders/7/notes",
                JSON,
                Some(r#"{"note":"called the customer"}"#),
            ),
            ("write-02", "allow", order, JSON, Some(r#"{"status":"completed"}"#)),
            ("write-07", "allow", "POST /wp-json/wc/v3/orders/8", JSON, Some(r#"{"status":"on-hold"}"#)),
            ("write-16", "allow", refunds, JSON, Some(r#"{"amount":"7","api_refund":false,"api_restock":false}"#)),
            ("approval-02", "approve", refunds, JSON, Some(r#"{"amount":"25.00","api_refund":true}"#)),
            ("approval-03", "approve", "PATCH /wp-json/wc/v3/orders/7", JSON, Some(r#"{"status":"refunded"}"#)),
            ("cap", "deny", refunds, JSON, Some(r#"{"amount":"50.01","api_refund":true}"#)),
            ("orders-01", "deny", refunds, JSON, Some(r#"{"amount":"25.00"}"#)),
            ("orders-02", "deny", refunds, JSON, Some(r#"{"amount":"25.00","api_refund":"false"}"#)),
            ("orders-04", "deny", refunds, JSON, Some(r#"{"api_refund":false}"#)),
            (
                "orders-05",
                "deny",
                refunds,
                JSON,
                Some(r#"{"amount":"5.00","api_refund":false,"line_items":[{"id":"1","refund_total":500}]}"#),
            ),
            ("orders-06", "deny", order, JSON, Some(r#"{"status":"trash"}"#)),
            ("orders-07", "deny", order, JSON, Some(r#"{"status":"completed","set_paid":true}"#)),
            ("orders-09", "deny", order, JSON, Some(r#"{"line_items":[{"id":5,"quantity":0}]}"#)),
            (
                "orders-10",
                "deny",
                "POST /wp-json/wc/v3/orders/7/notes",
                JSON,
                Some(r#"{"note":"x","customer_note":true}"#),
            ),
            ("param-04", "deny", "POST /wp-json/wc/v3/orders/7/notes?customer_note=1", JSON, Some(r#"{"note":"x"}"#)),
        ],
    );
}
