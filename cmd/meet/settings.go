package main

import (
	"strings"

	"meet/internal/config"
)

// keySettings are the flags that say which API keys there are.
type keySettings struct {
	Config  string `help:"YAML file of settings (MEET_CONFIG)." placeholder:"FILE"`
	DataDir string `help:"Folder of keys and records, ./meet-data unless set (MEET_DATA_DIR)." placeholder:"DIR"`
	Keys    string `help:"API keys, as \"key: secret\", one pair a line (MEET_KEYS)." placeholder:"PAIRS"`
	KeyFile string `help:"File of \"key: secret\" lines (MEET_KEY_FILE)." placeholder:"FILE"`
	Dev     bool   `help:"Accept the well-known key devkey with secret \"secret\". For development only (MEET_DEV)."`
}

// serverSettings are the flags of the server. Each is also a line of the settings file and a MEET_ variable.
type serverSettings struct {
	keySettings
	Listen         string   `help:"host:port to listen on, TCP and UDP, \":8080\" unless set (MEET_LISTEN)." placeholder:"ADDRESS"`
	NodeIP         string   `name:"node-ip" help:"Address media is offered on; this machine's own unless set (MEET_NODE_IP)." placeholder:"IP"`
	LivekitURL     string   `name:"livekit-url" help:"Server that browsers are sent to; this one unless set (LIVEKIT_URL)." placeholder:"URL"`
	WebhookURL     []string `name:"webhook-url" sep:"none" help:"Receiver of signed events; may be given several times (MEET_WEBHOOK_URL)." placeholder:"URL"`
	WebhookKey     []string `name:"webhook-key" sep:"none" help:"API key that signs events: one for all receivers or one for each; the first unless set (MEET_WEBHOOK_KEY)." placeholder:"KEY"`
	RemoteUnmute   bool     `help:"Let server APIs unmute people, not only mute them (MEET_REMOTE_UNMUTE)."`
	WebhookPrivate bool     `help:"Let receivers' names lead to private addresses (MEET_WEBHOOK_PRIVATE)."`
	MetricsToken   string   `name:"metrics-token" help:"Secret that lets other machines read /metrics, as a Bearer token; only this one may unless set (MEET_METRICS_TOKEN)." placeholder:"SECRET"`
	LimitVideo     string   `name:"subscription-limit-video" help:"Pictures one participant may receive at once; further ones wait. Without limit unless set (MEET_SUBSCRIPTION_LIMIT_VIDEO)." placeholder:"TRACKS"`
	LimitAudio     string   `name:"subscription-limit-audio" help:"Voices one participant may receive at once (MEET_SUBSCRIPTION_LIMIT_AUDIO)." placeholder:"TRACKS"`
	LogLevel       string   `help:"debug, info, warn or error; info unless set (MEET_LOG_LEVEL)." placeholder:"LEVEL"`
}

func (k keySettings) flags() map[string]string {
	flags := map[string]string{"data_dir": k.DataDir, "keys": k.Keys, "key_file": k.KeyFile}
	if k.Dev {
		flags["dev"] = "true"
	}
	return flags
}

func (s serverSettings) flags() map[string]string {
	flags := s.keySettings.flags()
	flags["listen"], flags["node_ip"] = s.Listen, s.NodeIP
	flags["livekit_url"], flags["log_level"] = s.LivekitURL, s.LogLevel
	flags["metrics_token"] = s.MetricsToken
	flags["subscription_limit_video"], flags["subscription_limit_audio"] = s.LimitVideo, s.LimitAudio
	flags["webhook_url"], flags["webhook_key"] = strings.Join(s.WebhookURL, "\n"), strings.Join(s.WebhookKey, "\n")
	if s.RemoteUnmute {
		flags["remote_unmute"] = "true"
	}
	if s.WebhookPrivate {
		flags["webhook_private"] = "true"
	}
	return flags
}

// load reads the settings from everywhere; what is wrong with them is the caller's to mend.
func load(w world, file string, flags map[string]string) (config.Config, error) {
	c, err := config.Load(config.Source{File: file, DotEnv: ".env", Environ: w.environ, Flags: flags})
	if err != nil {
		return c, usageError{err}
	}
	return c, nil
}
