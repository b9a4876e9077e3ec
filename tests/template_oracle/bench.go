package main

import (
	"fmt"
	htmltemplate "html/template"
	"io"
	"os"
	"strings"
	"testing"
	texttemplate "text/template"
	"time"

	"oracle/template"
)

const slackText = `{{ template "slack.default.title" . }}
{{ template "slack.default.titlelink" . }}
{{ template "slack.default.fallback" . }}
{{ template "slack.default.color" . }}
{{ template "slack.default.username" . }}
{{ range .Alerts }}*{{ .Labels.alertname }}* {{ .Labels.severity | toUpper }}: {{ .Annotations.summary }}
{{ range .Labels.SortedPairs }} - {{ .Name }}: ` + "`{{ .Value }}`" + `
{{ end }}{{ end }}`

// The same data as in benches/template.rs.
func benchData(count int) *template.Data {
	data := &template.Data{
		Receiver: "team-x/slack", Status: "firing", NotificationReason: "first notification",
		GroupLabels:       template.KV{"alertname": "InstanceDown"},
		CommonLabels:      template.KV{"alertname": "InstanceDown", "job": "node", "severity": "critical", "cluster": "eu-west-1", "namespace": "monitoring"},
		CommonAnnotations: template.KV{"description": "It has been <b>down</b> for more than 5 minutes."},
		RouteLabels:       template.KV{}, ExternalURL: "http://alertmanager.example.org:9093",
	}
	for i := range count {
		alert := template.Alert{
			Status: "firing",
			Labels: template.KV{"alertname": "InstanceDown", "instance": fmt.Sprintf("host-%04d.example.org:9100", i), "job": "node",
				"severity": "critical", "cluster": "eu-west-1", "namespace": "monitoring"},
			Annotations: template.KV{"summary": fmt.Sprintf("Instance host-%04d is down & out", i), "description": "It has been <b>down</b> for more than 5 minutes."},
			StartsAt:    time.Unix(1785579630, 123000000).UTC(), GeneratorURL: "http://prometheus.example.org/graph?g0.expr=up+%3D%3D+0&g0.tab=1",
			Fingerprint: "0123456789abcdef",
		}
		if i%4 == 3 {
			alert.Status, alert.EndsAt = "resolved", time.Unix(1785583230, 0).UTC()
		}
		data.Alerts = append(data.Alerts, alert)
	}
	return data
}

// bench prints what rendering costs in Go: with the template parsed once, and parsed each time, as Alertmanager does it.
func bench(files []string) {
	var sources []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			panic(err)
		}
		sources = append(sources, string(text))
	}
	all := strings.Join(sources, "\n")
	for _, count := range []int{1, 10, 100} {
		data := benchData(count)
		text := texttemplate.Must(texttemplate.New("").Option("missingkey=zero").Funcs(template.Functions(data)).Parse(all))
		html := htmltemplate.Must(htmltemplate.New("").Option("missingkey=zero").Funcs(template.Functions(data)).Parse(all))
		measure := func(name string, run func() error) {
			if err := run(); err != nil {
				panic(err)
			}
			result := testing.Benchmark(func(b *testing.B) {
				for range b.N {
					_ = run()
				}
			})
			fmt.Printf("%-6s %3d alerts %-13s %10d ns\n", strings.Fields(name)[0], count, strings.Fields(name)[1], result.NsPerOp())
		}
		slack := texttemplate.Must(texttemplate.Must(text.Clone()).New("").Parse(slackText))
		measure("slack parsed-once", func() error { return slack.Execute(io.Discard, data) })
		measure("slack parsed-anew", func() error {
			clone := texttemplate.Must(text.Clone())
			return texttemplate.Must(clone.New("").Parse(slackText)).Execute(io.Discard, data)
		})
		mail := htmltemplate.Must(htmltemplate.Must(html.Clone()).New("").Parse(`{{ template "email.default.html" . }}`))
		measure("email parsed-once", func() error { return mail.Execute(io.Discard, data) })
		measure("email parsed-anew", func() error {
			clone := htmltemplate.Must(html.Clone())
			return htmltemplate.Must(clone.New("").Parse(`{{ template "email.default.html" . }}`)).Execute(io.Discard, data)
		})
	}
}
