"""Why a score is not better: codes, and the sentence that each is told by. Pure."""

ACCOUNT_INACTIVE = "R14_ACCOUNT_INACTIVE"
DELINQUENT_90 = "R10_DELINQUENT_90"
DELINQUENT_60 = "R11_DELINQUENT_60"
DELINQUENT_30 = "R12_DELINQUENT_30"
PAYS_BEYOND_TERMS = "R01_PAYS_BEYOND_TERMS"
OVER_LIMIT = "R04_OVER_LIMIT"
INSUFFICIENT_HISTORY = "R09_INSUFFICIENT_HISTORY"
STALE_HISTORY = "R13_STALE_HISTORY"
HIGH_UTILIZATION = "R03_HIGH_UTILIZATION"
BALANCE_PAST_DUE = "R05_BALANCE_PAST_DUE"
SHORT_RELATIONSHIP = "R06_SHORT_RELATIONSHIP"
LOW_RECENT_ACTIVITY = "R07_LOW_RECENT_ACTIVITY"
CANCELLATIONS_RETURNS = "R08_CANCELLATIONS_RETURNS"

SENTENCES = {
    ACCOUNT_INACTIVE: "The account is not active.",
    DELINQUENT_90: "At least one open invoice is more than 90 days past due.",
    DELINQUENT_60: "At least one open invoice is more than 60 days past due.",
    DELINQUENT_30: "At least one open invoice is more than 30 days past due.",
    PAYS_BEYOND_TERMS: "Invoices of the last 24 months were paid, or are still open, after their due dates.",
    OVER_LIMIT: "Receivables and open orders together exceed the credit limit.",
    INSUFFICIENT_HISTORY: "Fewer than three invoices have been settled with payments of the last 24 months.",
    STALE_HISTORY: "The last order was placed more than 180 days ago.",
    HIGH_UTILIZATION: "Receivables and open orders together use a large part of the credit limit.",
    BALANCE_PAST_DUE: "A part of the open receivables is past due.",
    SHORT_RELATIONSHIP: "The customer relationship is shorter than twelve months.",
    LOW_RECENT_ACTIVITY: "There were few orders in the last twelve months, or none of late.",
    CANCELLATIONS_RETURNS: "Many orders of the last twelve months were cancelled or returned.",
}
"""Fixed, and specific: none may say no more than that the score is too low (Regulation B, 12 CFR 1002.9)."""
