//! Two APIs: a small shop and PostgREST.

/// A shop on PHP: rows in a batch, a GET with an effect, a POST that reads, money in minor units.
pub const SHOP: &str = r#"{
  "catalog": "shop-v3",
  "base": "/v3",
  "types": ["application/json"],
  "write_query": ["context"],
  "guarded": { "headers": ["x-tenant", "x-version", "prefer"], "query": ["rest_route", "key", "oauth_*"] },
  "headers": { "prefer": "params" },
  "query": { "include": "list" },
  "quirks": { "php_names": true },
  "vars": { "slug": "token", "size": ["s", "m", "l"], "sku": "[A-Z]{2}[0-9]{1,4}" },
  "resources": {
    "products": {
      "key": "path.id",
      "filters": { "category": "category", "shelf": "query.shelf" },
      "fields": {
        "id": { "at": "/id", "type": "digits" },
        "price": { "at": "/price", "type": "decimal", "digits": 7, "decimals": 2 },
        "sale": { "at": ["/sale", "/offer/sale"], "type": "decimal" },
        "stock": { "at": "/stock", "type": "integer" },
        "name": { "at": "/name", "type": "string" },
        "status": { "at": "/status", "type": "string" },
        "category": { "at": "/category" },
        "contact": { "at": "/contact", "type": "email" },
        "visible": { "at": "/visible", "type": "boolean" },
        "tags": { "at": "/tags" },
        "meta": { "at": "/meta" }
      },
      "values": { "worth": { "add": [["price", "stock"]] } },
      "actions": {
        "list": { "endpoints": ["GET /products"], "effect": "read" },
        "get": { "endpoints": ["GET /products/{id}"], "effect": "read" },
        "search": { "endpoints": ["POST /products/search"], "effect": "read" },
        "notify": { "endpoints": ["GET /products/{id}/notify"], "effect": "door" },
        "create": { "endpoints": ["POST /products"], "effect": "gate" },
        "update": { "endpoints": ["PUT|PATCH|POST /products/{id}"], "effect": "gate" },
        "delete": { "endpoints": ["DELETE /products/{id}"], "effect": "door" },
        "batch": {
          "endpoints": ["POST /products/batch"], "effect": "door",
          "rows": {
            "/update": { "action": "update", "key": "/id" },
            "/create": { "action": "create" },
            "/delete": { "action": "delete", "key": "" }
          }
        }
      }
    },
    "orders": {
      "key": "path.id",
      "fields": {
        "amount": { "at": "/amount", "type": "money", "unit": "minor", "currency": "/currency" },
        "currency": { "at": "/currency", "type": "string" },
        "lines": { "at": "/lines" },
        "status": { "at": "/status", "type": "string" },
        "guests": { "at": "/guests" }
      },
      "actions": {
        "get": { "endpoints": ["GET /orders/{id}"], "effect": "read" },
        "update": { "endpoints": ["PUT /orders/{id}"], "effect": "gate" },
        "refund": { "endpoints": ["POST /orders/{id}/refunds"], "effect": "door" }
      }
    },
    "files": {
      "actions": {
        "read": { "endpoints": ["GET /files/{file:path}"], "effect": "read" },
        "write": { "endpoints": ["PUT /files/{file:path}"], "effect": "safe" },
        "label": { "endpoints": ["GET /labels/{name:text}", "GET /pages/{slug}", "GET /sizes/{size}", "GET /skus/{sku}"], "effect": "read" }
      }
    }
  }
}"#;

/// PostgREST with one resource whose table is a filter. Source: PostgREST documentation, v12.
pub const POSTGREST: &str = r#"{
  "catalog": "postgrest",
  "base": "/rest/v1",
  "decoder": "postgrest",
  "vars": { "table": "token", "fn": "token" },
  "guarded": { "headers": ["accept-profile", "content-profile", "prefer"], "query": ["apikey"] },
  "headers": { "prefer": "params" },
  "query": { "columns": "list" },
  "resources": {
    "rows": {
      "key": "query.id",
      "filters": { "table": "path.table" },
      "fields": { "*": { "at": "/*" } },
      "actions": {
        "read": { "endpoints": ["GET /{table}"], "effect": "read" },
        "insert": { "endpoints": ["POST /{table}"], "effect": "safe" },
        "upsert": { "endpoints": ["POST /{table}", "PUT /{table}"], "effect": "gate" },
        "update": { "endpoints": ["PATCH /{table}"], "effect": "gate" },
        "delete": { "endpoints": ["DELETE /{table}"], "effect": "door" }
      }
    },
    "functions": {
      "filters": { "function": "path.fn" },
      "fields": { "*": { "at": "/*" } },
      "actions": {
        "read": { "endpoints": ["GET /rpc/{fn}"], "effect": "read" },
        "call": { "endpoints": ["POST /rpc/{fn}"], "effect": "door" }
      }
    }
  }
}"#;

/// An MCP server: protocol methods, tools, one that takes SQL; beside it the stream and an endpoint of its own.
pub const MCP: &str = r#"{
  "catalog": "tools-v1",
  "decoder": "jsonrpc",
  "guarded": { "headers": ["x-tenant"], "query": ["token"] },
  "resources": {
    "protocol": {
      "actions": {
        "post": { "endpoints": ["POST /mcp"], "effect": "door" },
        "stream": { "endpoints": ["GET /mcp"], "effect": "read" },
        "end": { "endpoints": ["DELETE /mcp"], "effect": "safe" },
        "look": { "rpc": ["initialize", "ping", "tools/list", "notifications/initialized"], "effect": "read" },
        "cancel": { "rpc": "notifications/cancelled", "effect": "brake" },
        "read": { "rpc": "resources/read", "effect": "read" },
        "answer": { "rpc": "rpc.response", "effect": "door" }
      },
      "fields": { "uri": { "at": "/uri", "type": "string" } }
    },
    "products": {
      "key": "id",
      "filters": { "shelf": "shelf" },
      "fields": {
        "id": { "at": "/id", "type": "integer" },
        "price": { "at": "/price", "type": "decimal" },
        "shelf": { "at": "/shelf", "type": "string" }
      },
      "actions": {
        "get": { "tool": "get_product", "effect": "read" },
        "update": { "tool": ["update_price", "set price"], "effect": "gate" },
        "delete": { "tool": "delete_product", "effect": "door" }
      }
    },
    "database": {
      "fields": { "query": { "at": "/query", "type": "string" } },
      "actions": { "run": { "tool": "run_sql", "effect": "door", "inner": { "query": "sql" } } }
    },
    "sql": {
      "fields": { "query": { "at": "/query", "type": "string" } },
      "actions": { "select": { "effect": "read" }, "write": { "effect": "door" } }
    }
  }
}"#;
