#!/usr/bin/env bash
# The binary end to end, as a user has it: serve on a free port, report, query, stop. Needs curl.
# Use: tests/smoke.sh target/release/afterboot
set -euo pipefail
afterboot=$(realpath "$1")
work=$(mktemp -d)
cd "$work"
"$afterboot" serve --listen 127.0.0.1:0 >serve.out 2>serve.err &
server=$!
trap 'kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT

say() { printf 'smoke: %s\n' "$1"; }
fail() { say "FAILED: $1"; cat serve.out serve.err; exit 1; }

for _ in $(seq 100); do grep -q 'http://' serve.out && break; sleep 0.1; done
url=$(grep -om1 'http://[0-9.]*:[0-9]*' serve.out) || fail "no address in the first line"
say "serving at $url"
curl -sf "$url/readyz" >/dev/null || fail "not ready"

curl -sf "$url/api/v1/reports" -d '{"device":"srv-01","labels":{"client":"Acme"},
  "signals":{"uptime":93600,"pending_reboot":true},
  "events":[{"kind":"patch.installed","kb":"KB5034441","reboot_required":true}]}' >report.out || fail "the report was refused"
grep -q '"reports":1' report.out || fail "no receipt: $(cat report.out)"
curl -sf "$url/write?precision=s" --data-binary 'cpu,host=srv-02 usage=12.5' || fail "line protocol was refused"

"$afterboot" query --url "$url" 'devices | show client, device | sort device' >devices.out || fail "query"
grep -q 'srv-01' devices.out && grep -q 'srv-02' devices.out || fail "devices are missing: $(cat devices.out)"
"$afterboot" query --url "$url" --format csv 'alerts | show rule, subject, state' >alerts.out || fail "query"
grep -q 'reboot_overdue,srv-01,firing' alerts.out || fail "no alert: $(cat alerts.out)"

kill -TERM "$server"
wait "$server" || fail "exit code $? after SIGTERM"
say "well"
