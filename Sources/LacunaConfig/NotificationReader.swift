import LacunaModel
import LacunaRecords
import LacunaSources

/// Reads who is told of runs.
struct NotificationReader {
    let reading: Reading
    /// The variables that the config takes values from, which the program inherits only where it names them itself.
    let withheld: Set<String>

    func settings(_ node: ConfigNode) -> NotificationSettings {
        let notify = Section(node, group: SettingsTable.notify.name, reading: reading)
        var settings = NotificationSettings()
        settings.webhook = notify.text("webhook")
        settings.command = notify.texts("command")
        let occasions = notify.texts("on").compactMap(NotificationSettings.Occasion.init)
        if !occasions.isEmpty { settings.occasions = Set(occasions) }
        settings.withheld = withheld.subtracting(notify["command"]?.variables ?? [])
        settings.secrets = reading.secrets
        settings.directory = reading.directory
        settings.proxies = ProxyRules(environment: reading.environment)
        settings.ping = notify.text("ping")
        for (name, address) in [("webhook", settings.webhook), ("ping", settings.ping)] {
            guard let address else { continue }
            // Wherever it is written: who knows it can post.
            reading.addSecret(address)
            if !NotificationSettings.isWebhook(address) {
                reading.report(
                    "'\(name)': expected an address like https://host/path, without a user",
                    at: notify[name]?.position)
            }
        }
        if settings.webhook == nil, settings.ping == nil, settings.command.isEmpty {
            reading.report("'notify' tells nobody: give it a 'webhook', a 'command' or a 'ping'", at: node.position)
        }
        return settings
    }
}
