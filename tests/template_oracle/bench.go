package main

import (
	"bytes"
	"fmt"
	htmltemplate "html/template"
	"io"
	"os"
	"strings"
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

// print renders into a string, as Alertmanager does.
func print(t interface{ Execute(io.Writer, any) error }, data *template.Data) error {
	var out bytes.Buffer
	err := t.Execute(&out, data)
	written = out.String()
	return err
}

var written string

// fastest is the mean in the fastest of 200 batches of some 5 ms, which a busy machine disturbs least; in nanoseconds.
func fastest(run func() error) int64 {
	mean := func(runs int64) int64 {
		begun := time.Now()
		for range runs {
			_ = run()
		}
		return max(1, time.Since(begun).Nanoseconds()/runs)
	}
	batch := max(1, 5_000_000/mean(5))
	least := mean(batch)
	for range 200 {
		least = min(least, mean(batch))
	}
	return least
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
			fmt.Printf("%-6s %3d alerts %-13s %10d ns\n", strings.Fields(name)[0], count, strings.Fields(name)[1], fastest(run))
		}
		slack := texttemplate.Must(texttemplate.Must(text.Clone()).New("").Parse(slackText))
		measure("slack parsed-once", func() error { return print(slack, data) })
		measure("slack parsed-anew", func() error {
			clone := texttemplate.Must(text.Clone())
			return print(texttemplate.Must(clone.New("").Parse(slackText)), data)
		})
		mail := htmltemplate.Must(htmltemplate.Must(html.Clone()).New("").Parse(`{{ template "email.default.html" . }}`))
		measure("email parsed-once", func() error { return print(mail, data) })
		measure("email parsed-anew", func() error {
			clone := htmltemplate.Must(html.Clone())
			return print(htmltemplate.Must(clone.New("").Parse(`{{ template "email.default.html" . }}`)), data)
		})
	}
}
