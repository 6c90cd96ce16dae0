{{/* The config file, and where its files are in the pod. */}}

{{- define "surety.data" -}}/var/lib/surety/data{{- end -}}
{{- define "surety.secrets" -}}/etc/surety/secrets{{- end -}}
{{- define "surety.playbook" -}}/etc/surety/playbook{{- end -}}

{{/* The ledger's address, with verified TLS where an authority is named. */}}
{{- define "surety.ledgerUrl" -}}
{{- $url := .Values.ledger.url -}}
{{- if .Values.ledger.caSecret.name -}}
  {{- if not (regexMatch "[?&]sslmode=" $url) -}}
    {{- $url = printf "%s%ssslmode=verify-full" $url (ternary "&" "?" (contains "?" $url)) -}}
  {{- end -}}
  {{- $url = printf "%s&sslrootcert=%s/ledger-ca.crt" $url (include "surety.secrets" .) -}}
{{- end -}}
{{- $url -}}
{{- end -}}

{{/* Files of the playbook that the chart brings or mounts: setting, file, and what values say. */}}
{{- define "surety.playbookFiles" -}}
{{- with .Values.playbook -}}
{{- toJson (list
      (dict "setting" "policy" "file" "policy.toml" "part" .policy)
      (dict "setting" "reasons" "file" "reasons.toml" "part" .reasons)
      (dict "setting" "credit-model" "file" "credit.json" "part" .creditModel)
      (dict "setting" "fraud-model" "file" "fraud.json" "part" .fraudModel)) -}}
{{- end -}}
{{- end -}}

{{/* Every setting, as JSON: those of `config`, and those that other values decide. */}}
{{- define "surety.settings" -}}
{{- $v := .Values -}}
{{- $secrets := include "surety.secrets" . -}}
{{- $own := dict
      "grpc-listen" (printf "%s:%d" $v.grpc.host (int $v.grpc.port))
      "http-listen" (printf "%s:%d" $v.http.host (int $v.http.port))
      "data" (include "surety.data" .)
      "drain-seconds" (int $v.shutdown.drainSeconds) -}}
{{- if not $v.embedded.enabled -}}
  {{- $_ := set $own "ledger" (include "surety.ledgerUrl" .) -}}
  {{- if $v.ledger.passwordSecret.name -}}
    {{- $_ := set $own "ledger-password-file" (printf "%s/ledger-password" $secrets) -}}
  {{- end -}}
{{- end -}}
{{- if $v.signals.url -}}
  {{- $_ := set $own "signals" $v.signals.url -}}
  {{- if $v.signals.passwordSecret.name -}}
    {{- $_ := set $own "signals-password-file" (printf "%s/signals-password" $secrets) -}}
  {{- end -}}
  {{- if $v.signals.caSecret.name -}}
    {{- $_ := set $own "signals-ca-file" (printf "%s/signals-ca.crt" $secrets) -}}
  {{- end -}}
{{- end -}}
{{- if $v.keys.party.name -}}
  {{- $_ := set $own "party-key" (printf "%s/party.key" $secrets) -}}
{{- end -}}
{{- if $v.keys.stepUp.name -}}
  {{- $_ := set $own "step-up-key" (printf "%s/step-up.key" $secrets) -}}
{{- end -}}
{{- if $v.tls.secret.name -}}
  {{- $_ := set $own "tls-cert" (printf "%s/tls.crt" $secrets) -}}
  {{- $_ := set $own "tls-key" (printf "%s/tls.key" $secrets) -}}
{{- end -}}
{{- if $v.tls.clientCaSecret.name -}}
  {{- $_ := set $own "tls-client-ca" (printf "%s/client-ca.crt" $secrets) -}}
{{- end -}}
{{- if $v.plaintext -}}{{- $_ := set $own "plaintext" true -}}{{- end -}}
{{- if $v.otlp.endpoint -}}{{- $_ := set $own "otlp-endpoint" $v.otlp.endpoint -}}{{- end -}}
{{- range include "surety.playbookFiles" . | fromJsonArray -}}
  {{- if .part.none -}}
    {{- $_ := set $own .setting "none" -}}
  {{- else if or .part.content .part.configMap -}}
    {{- $_ := set $own .setting (printf "%s/%s" (include "surety.playbook" $) .file) -}}
  {{- end -}}
{{- end -}}
{{- toJson (merge $own $v.config) -}}
{{- end -}}

{{/* Strings and numbers of JSON are strings and numbers of TOML. */}}
{{- define "surety.toml" -}}
# Made by the chart from its values.
{{- range $key, $value := include "surety.settings" . | fromJson }}
{{ $key }} = {{ toRawJson $value }}
{{- end }}
{{- end -}}
